// Bundles one TypeScript tool: tools/node tools/bundle.mjs ENTRY OUTFILE
import { build } from 'esbuild';

const [entry, outfile] = process.argv.slice(2);
await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  external: ['koffi'],
  logLevel: 'warning',
});
