import { spawnSync } from 'node:child_process';

/** The path of a criu that knows this kernel: GANTRY_CRIU, or that of the PATH. Undefined: there is none. */
export function workingCriu(): string | undefined {
  const path = spawnSync('sh', ['-c', 'command -v "$0"', process.env['GANTRY_CRIU'] ?? 'criu'])
    .stdout.toString()
    .trim();
  return path !== '' && spawnSync(path, ['check']).status === 0 ? path : undefined;
}
