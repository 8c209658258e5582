import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** The policy the window runs under; `preview` serves it too, so that a violation is seen here first. */
const policy =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'";

export default defineConfig({
  plugins: [svelte()],
  // Relative, since the window loads the bundle from a scheme of its own.
  base: './',
  clearScreen: false,
  server: { host: '127.0.0.1', port: 5173, strictPort: true },
  preview: { host: '127.0.0.1', headers: { 'Content-Security-Policy': policy } },
  build: {
    outDir: 'dist',
    target: ['es2022', 'safari16'],
    // No data: URLs: the policy allows fonts and scripts from the bundle alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 480,
  },
  // Svelte's browser build, so that runes in stores work under test.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: { include: ['src/**/*.test.ts'], environment: 'happy-dom', css: { include: /tokens\.css/ } },
});
