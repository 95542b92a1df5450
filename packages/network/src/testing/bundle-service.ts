import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { type OwnProcess, ownProcess } from './own-process';

/** Bundles the service into a directory, where it keeps its data, too; `config` is the text of its network.yaml. */
export function bundleService(directory: string, config = ''): OwnProcess {
  const bundle = join(directory, 'service.cjs');
  buildBundle(bundle);
  return ownProcess(bundle, directory, config);
}

export function buildBundle(bundle: string): void {
  buildSync({
    entryPoints: [join(__dirname, '../main.ts')],
    bundle: true,
    platform: 'node',
    external: ['koffi'],
    outfile: bundle,
    logLevel: 'error',
  });
}
