import { kinds, loadBusybox, startEngine, type Engine, type EngineOptions } from './engine';

/** What a suite gets: the engine, and docker with a failure that throws. */
export interface Suite {
  readonly engine: Engine;
  /** Runs docker; throws with its output unless it exits 0; answers stdout without the last newline. */
  ok(...args: string[]): Promise<string>;
  /** Runs docker; answers what it left, whatever the exit code. */
  docker: Engine['docker'];
}

/** One describe block an engine under test, with busybox loaded; everything is removed at the end. */
export function describeEngine(title: string, body: (suite: Suite) => void, options: EngineOptions = {}): void {
  describe.each(kinds)(`${title} on %s`, (kind) => {
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
