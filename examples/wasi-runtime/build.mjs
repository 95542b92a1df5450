// Bundles the server and the runner into OUT (default: dist beside this file). Usage: tools/node examples/wasi-runtime/build.mjs [OUT]
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
await build({
  entryPoints: { 'wasi-runtime': join(here, 'src/main.ts'), runner: join(here, 'src/runner.ts') },
  outdir: resolve(process.argv[2] ?? join(here, 'dist')),
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  logLevel: 'warning',
});
