import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../test-e2e/src/harness/paths';

/**
 * A run that SIGINT or SIGTERM ends takes away what it made: engines, registries, mounts, namespaces, cgroups and files carry its process id.
 * Done by a process of its own, because the measuring goes on in this one until it ends.
 */
export function cleanUpWhenInterrupted(): void {
  const cleaner = JSON.stringify(join(projectRoot, 'tools/clean-up.mjs'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.stderr.write(`bench: ended by ${signal}, taking away what it made\n`);
      // A second ^C at the terminal reaches the cleaner, too, and is not for it.
      const clean = `process.on('SIGINT', () => {}); import(${cleaner}).then(({ cleanUp }) => cleanUp({ over: ${process.pid} }))`;
      spawnSync(process.execPath, ['-e', clean], { stdio: 'inherit' });
      process.exit(128 + constants.signals[signal]);
    });
}
