// `loading` comes first: React sets attributes in this order, and the picture would be requested before it is lazy.
export function Online({ page }) {
  const online = `https://count.example/online.png?page=${encodeURIComponent(page)}`;
  return <img key={online} loading="lazy" srcSet={`${online}, ${online}&scale=2 2x`} width="200" height="30" alt="Users online" />;
}
