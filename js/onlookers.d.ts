/** What there is to be counted in a room: a page, or a whole site. */
export interface Count {
  type: 'update/count';
  /** `example.com` or `example.com/posts/1` */
  room: string;
  /** Open pages. */
  count: number;
  /** Distinct visitors. */
  visitors: number;
}

/** Somebody has come. */
export interface Join {
  type: 'join';
  room: string;
  /** Of one connection, and of nothing else of theirs. */
  id: string;
  name: string | null;
}

/** Somebody has gone. */
export interface Leave {
  type: 'leave';
  room: string;
  id: string;
}

/** Where in the page somebody is. */
export interface Presence {
  type: 'presence';
  room: string;
  id: string;
  name: string | null;
  /** From 0, the top, to 1. */
  position: number;
  /** Milliseconds since 1970. */
  joined_at: number;
  updated_at: number;
}

/** What somebody has sent to the others. */
export interface Message {
  type: 'message';
  room: string;
  from: string;
  data: unknown;
}

/** The pages of the site by viewers. */
export interface Top {
  type: 'top';
  pages: { page: string; count: number; title?: string }[];
}

/** Why the server did not do what the page has asked for. */
export interface Refusal {
  type: 'error';
  code: string;
  reason: string;
}

/** What a page may say over the WebSocket. */
export type Said =
  | { type: 'join' | 'leave'; room: string }
  | { type: 'session'; id: string | null }
  | { type: 'presence'; position: number; name?: string | null; room?: string }
  | { type: 'message'; data: unknown; room?: string }
  | { type: 'ping' | 'increment' | 'decrement' };

export interface OnlineCountEventMap extends Omit<HTMLElementEventMap, 'error'> {
  /** Each new count. */
  count: CustomEvent<Count>;
  /** With `presence`: there is a connection, and the others will be told of anew. */
  open: CustomEvent<null>;
  join: CustomEvent<Join>;
  leave: CustomEvent<Leave>;
  presence: CustomEvent<Presence>;
  message: CustomEvent<Message>;
  top: CustomEvent<Top>;
  error: CustomEvent<Refusal>;
}

/**
 * `<online-count page="/posts/1">–</online-count>`
 *
 * Attributes: `page`, `site`, `show`, `count`, `peek`, `presence`, `top`, `name`, `session`, `hash`, `keys`, `counter`. The element itself sets
 * `live` while it has a connection, and `aria-busy` to `true` while it has none.
 */
export declare class OnlineCount extends HTMLElement {
  /** Sends a message over the WebSocket; without one, nothing happens. */
  send(message: Said): void;

  addEventListener<K extends keyof OnlineCountEventMap>(
    type: K,
    listener: (this: OnlineCount, event: OnlineCountEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'online-count': OnlineCount;
  }
}
