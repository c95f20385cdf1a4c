import DefaultTheme from 'vitepress/theme';
import { h } from 'vue';
import Online from './Online.vue';

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { 'doc-after': () => h(Online) }),
};
