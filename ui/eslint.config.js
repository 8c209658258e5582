import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** One door to the shell: everything else goes through src/lib/tauri. */
const oneDoor = {
  patterns: [
    { group: ['@tauri-apps/*'], message: 'Only src/lib/tauri may import @tauri-apps/*; call its functions instead.' },
    { group: ['**/lib/demo/*', '**/lib/demo', '../demo/*', '../demo'], message: 'Demo data never ships: only src/lib/tauri/transport.ts loads it.' },
  ],
};

export default ts.config(
  { ignores: ['dist/', 'dist-demo/', 'node_modules/', 'src/lib/contract/'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      'no-undef': 'off',
      'no-restricted-imports': ['error', oneDoor],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } },
    rules: {
      'svelte/no-at-html-tags': 'error',
      'svelte/require-each-key': 'error',
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
  { files: ['src/lib/tauri/**', 'src/lib/demo/**'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['scripts/**', '*.config.*'], languageOptions: { globals: { ...globals.node } }, rules: { 'no-console': 'off' } },
);
