import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { type Engine } from '../../test-e2e/src/harness/engine';
import type { BenchCase } from './cases';
import { timed } from './measure';
import { must } from './must';

/** A file of 16 MB in the container, lines of 100 bytes, written out so often: the writer costs next to nothing. */
function script(megabytes: number): string {
  const line = 'x'.repeat(99);
  return `yes ${line} | head -c 16000000 > /tmp/lines; i=0; while [ $i -lt ${Math.round(megabytes / 16)} ]; do cat /tmp/lines; i=$((i+1)); done`;
}

/** The docker CLI attached, its output thrown away; the log file is written as well. */
function attached(engine: Engine, megabytes: number): Promise<number> {
  return timed(
    () =>
      new Promise<void>((resolve, reject) => {
        const null_ = openSync('/dev/null', 'w');
        const child = spawn(
          'docker',
          ['-H', `unix://${engine.socket}`, 'run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', script(megabytes)],
          { stdio: ['ignore', null_, 'inherit'] },
        );
        closeSync(null_);
        child.once('error', reject);
        child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${engine.kind}: docker run ended with ${code}`))));
      }),
  );
}

/** Nobody attached: from the start to the end of the wait, when all of it is in the log. */
async function logged(engine: Engine, megabytes: number): Promise<number> {
  const id = await must(engine, 'create', '--network', 'none', 'busybox', 'sh', '-c', script(megabytes));
  const took = await timed(async () => {
    await must(engine, 'start', id);
    await must(engine, 'wait', id);
  });
  await must(engine, 'rm', id);
  return took;
}

const sizes = [
  ['256 MB', 256, false],
  ['1 GB', 1024, true],
] as const;

/** A container that writes much to stdout. */
export const streamCases: BenchCase[] = sizes.flatMap(([name, megabytes, heavy]) => [
  { name: `attach ${name}`, share: 0.15, heavy, sample: (engine: Engine) => attached(engine, megabytes) },
  { name: `log file ${name}`, share: 0.15, heavy, sample: (engine: Engine) => logged(engine, megabytes) },
]);
