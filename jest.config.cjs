// One configuration for every package: TypeScript through swc, run under the pinned Node.
module.exports = {
  testEnvironment: '<rootDir>/tools/jest-environment.cjs',
  testMatch: ['**/src/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript', decorators: false }, target: 'es2023' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  watchman: false,
  // Against hangs only: a busy machine is no error.
  testTimeout: 120_000,
};
