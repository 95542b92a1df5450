import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { until } from '../harness';

/** The services whose steps are counted, by the names of their bundles. */
export const victims = ['gantry-supervisor', 'gantry-network', 'gantry-images', 'gantry-shim'] as const;
export type Victim = (typeof victims)[number];

/** Counts steps of services, and has one end at a certain step. */
export class CrashPoints {
  private round = 0;

  /** @param folder where test and services meet */
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
    buildSync({
      entryPoints: [join(__dirname, 'preload.ts')],
      bundle: true,
      platform: 'node',
      outfile: join(folder, 'preload.cjs'),
      logLevel: 'error',
    });
  }

  /** What an engine's services must find for it. */
  get environment(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--require=${join(this.folder, 'preload.cjs')}`, GANTRY_CRASH_POINTS: this.folder };
  }

  /** From here on steps are told; `at` is the number of the one to end at, none by default. */
  count(victim: Victim, at: number | 'none' = 'none'): void {
    rmSync(this.file(victim, 'trace'), { force: true });
    appendFileSync(this.file(victim, 'trace'), '');
    writeFileSync(this.file(victim, 'new'), `${++this.round} ${at}`);
    renameSync(this.file(victim, 'new'), this.file(victim, 'wanted'));
  }

  /** Ends counting; answers the steps that were made. */
  stop(victim: Victim): string[] {
    rmSync(this.file(victim, 'wanted'), { force: true });
    return this.told(victim);
  }

  /** Whether the service came to the step and ended. */
  ended(victim: Victim): boolean {
    return !existsSync(this.file(victim, 'wanted'));
  }

  /** What follows behind an answer is done when nothing was told for so long, milliseconds. */
  async quiet(names: readonly Victim[], pause = 300): Promise<void> {
    const size = (): number => names.reduce((sum, victim) => sum + this.told(victim).length, 0);
    let before = -1;
    let since = Date.now();
    await until('the services to have done their work', () => {
      const now = size();
      if (now !== before) since = Date.now();
      before = now;
      return Date.now() - since >= pause || names.every((victim) => this.ended(victim));
    });
  }

  private told(victim: Victim): string[] {
    return readFileSync(this.file(victim, 'trace'), 'utf8').split('\n').filter(Boolean);
  }

  private file(victim: Victim, kind: string): string {
    return join(this.folder, `${victim}.${kind}`);
  }
}
