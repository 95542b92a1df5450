import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadBusybox, startEngine, type Engine } from '../../test-e2e/src/harness/engine';
import { RunClient } from './engine-client';
import { median, quantile, timed } from './measure';

/** Runs before the measured ones: the code must be compiled. */
const WARM_UP = 30;

/** Where the time of one `run --rm true` on the bridge goes: a table in Markdown. Gantry alone, all services in one process. */
export async function profile(rounds: number): Promise<string> {
  const engine = await startEngine('gantry', { memoryRun: true, args: ['--log-level', 'debug'] });
  const client = new RunClient(engine.socket);
  try {
    await loadBusybox(engine);
    for (let i = 0; i < WARM_UP; i++) await client.run();
    const whole: number[] = [];
    for (let i = 0; i < rounds; i++) whole.push(await timed(() => engine.docker(['run', '--rm', 'busybox', 'true'])));
    await sleep(500);
    const skip = readFileSync(engine.log, 'utf8').length;
    const before = cpuSeconds(engine);
    const calls = new Map<string, number[]>();
    for (let i = 0; i < rounds; i++) for (const [name, ms] of await client.run()) push(calls, name, ms);
    await sleep(500); // what follows a removal
    const cpu = ((cpuSeconds(engine) - before) * 1000) / rounds;
    const rows = [
      ['docker run --rm busybox true', whole, 1] as const,
      ...[...calls].map(([name, samples]) => [`HTTP: ${name}`, samples, 1] as const),
      ...[...served(engine, skip)].map(([name, samples]) => [name, samples, samples.length / rounds] as const),
    ];
    const lines = rows.map(
      ([name, samples, count]) => `| ${name} | ${round(count)} | ${quantile(samples, 0.1).toFixed(2)} | ${median(samples).toFixed(2)} |`,
    );
    return [
      '| step (a gRPC call is timed in the service that serves it) | times a run | p10, ms | median, ms |',
      '|---|---|---|---|',
      ...lines,
      '',
      `CPU time of the services, removal included: ${cpu.toFixed(1)} ms a run.`,
    ].join('\n');
  } finally {
    client.close();
    await engine.destroy();
  }
}

/** Milliseconds of every gRPC call, in the order in which they first ended, from the engine's log. */
function served(engine: Engine, skip: number): Map<string, number[]> {
  const calls = new Map<string, number[]>();
  for (const line of readFileSync(engine.log, 'utf8').slice(skip).split('\n')) {
    if (!line.includes('"call done"')) continue;
    const { service, method, ms } = JSON.parse(line) as { service: string; method: string; ms: number };
    push(
      calls,
      `gRPC, ${service}: ${method
        .split('/')
        .slice(-2)
        .map((part) => part.slice(part.lastIndexOf('.') + 1))
        .join('/')}`,
      ms,
    );
  }
  return calls;
}

/** User and system time that the engine's process took up to now. */
function cpuSeconds(engine: Engine): number {
  const [pid = 0] = engine.pids('gantry');
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function push(table: Map<string, number[]>, name: string, value: number): void {
  const list = table.get(name);
  if (list === undefined) table.set(name, [value]);
  else list.push(value);
}

const round = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1));
