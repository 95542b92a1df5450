import { execFileSync } from 'node:child_process';
import { kinds, loadBusybox, startEngine, type Engine, type EngineKind, type EngineOptions } from './engine';

/** What a suite gets: the engine, and docker with a failure that throws. */
export interface Suite {
  readonly kind: EngineKind;
  readonly engine: Engine;
  /** Runs docker; throws with its output unless it exits 0; answers stdout without the last newline. */
  ok(...args: string[]): Promise<string>;
  /** Runs docker; answers what it left, whatever the exit code. */
  docker: Engine['docker'];
}

interface SuiteOptions extends EngineOptions {
  /** First version of dockerd that does what the suite says; an older one is passed over. */
  since?: number;
}

/** Major version of the dockerd on PATH. */
function peerVersion(): number {
  return Number(/version (\d+)/.exec(execFileSync('dockerd', ['--version']).toString())?.[1] ?? 0);
}

/** One describe block an engine under test, with busybox loaded; everything is removed at the end. */
export function describeEngine(title: string, body: (suite: Suite) => void, { since = 0, ...options }: SuiteOptions = {}): void {
  const shown = kinds.filter((kind) => kind === 'gantry' || peerVersion() >= since);
  if (shown.length === 0) return void test.skip(`${title} [needs dockerd ${since}]`, () => undefined);
  describe.each(shown)(`${title} on %s`, (kind) => {
    let engine: Engine | undefined;
    const get = (): Engine => {
      if (!engine) throw new Error('the engine is not started yet');
      return engine;
    };
    beforeAll(async () => {
      engine = await startEngine(kind, options);
      await loadBusybox(engine);
    }, 120_000);
    afterAll(() => engine?.destroy(), 120_000);
    body({
      kind,
      get engine() {
        return get();
      },
      docker: (args, commandOptions) => get().docker(args, commandOptions),
      async ok(...args) {
        const result = await get().docker(args);
        if (result.code !== 0) throw new Error(`docker ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
        return result.stdout.replace(/\n$/, '');
      },
    });
  });
}
