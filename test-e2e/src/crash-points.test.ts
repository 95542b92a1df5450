import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomOf, seedOfRun } from './build-crash/random';
import { CrashPoints, type Victim, victims } from './crash-points/control';
import { type Blow, crash, measure, type World } from './crash-points/crash';
import { DoneEnds } from './crash-points/done-ends';
import { operations, prepare } from './crash-points/operations';
import { stockOf } from './crash-points/stock';
import { bundles, command, loadBusybox, pinnedNode, removeGroups, startEngine, type Engine } from './harness';

/** Every step of every service in `tools/test --all`; in the everyday run one of each operation. GANTRY_POINTS: so many of each operation and service. */
const everyday = process.env['GANTRY_POINTS'] === undefined && !process.env['GANTRY_TEST_ALL'];
/** The everyday run ends the same steps each time: a red run is of the change that it is made for. Others are drawn anew. */
const EVERYDAY_SEED = 747501581;
const most = Number(process.env['GANTRY_POINTS'] ?? (everyday ? 1 : Infinity));
/** A run of hours is made in parts: GANTRY_POINTS_DONE names the file of ends that need not be made again, GANTRY_MINUTES after how many minutes no other is begun. */
const done = new DoneEnds(process.env['GANTRY_POINTS_DONE']);
const end = Date.now() + Number(process.env['GANTRY_MINUTES'] ?? Infinity) * 60_000;
const chosen = (process.env['GANTRY_VICTIM'] ?? '').split(',').filter(Boolean);
const dying = victims.filter((victim) => chosen.length === 0 || chosen.includes(victim));
if (dying.length === 0) throw new Error(`GANTRY_VICTIM names none of ${victims.join(', ')}`);

describe('a service that ends at a step of an operation', () => {
  const seed = everyday && process.env['GANTRY_SEED'] === undefined ? EVERYDAY_SEED : seedOfRun();
  const random = randomOf(seed);
  const group = `/gantry-points-${process.pid}`;
  let folder = '';
  let engine: Engine;
  let points: CrashPoints;
  let world: World;
  let killed = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), `gantry-points-${process.pid}-`));
    points = new CrashPoints(folder);
    engine = await startEngine('gantry', {
      separate: true,
      environment: points.environment,
      config: { supervisor: `cgroup-parent: ${group}\n` },
    });
    await loadBusybox(engine);
    await prepare(engine);
    world = { engine, group, stock: await stockOf(engine, group), told: new Set() };
  }, 180_000);
  afterAll(async () => {
    process.stdout.write(`${killed} services ended at a step (seed ${seed})\n`);
    await engine?.destroy();
    await removeGroups(group);
    rmSync(folder, { recursive: true, force: true });
  }, 180_000);

  /** Numbers of the steps to end at: all that were not done before, or some of them. */
  function pick(operation: string, victim: Victim, steps: number): number[] {
    const all = Array.from({ length: steps }, (_, index) => index + 1).filter((step) => !done.has(operation, victim, step));
    const some = Array.from(
      { length: most === Infinity ? 0 : most },
      (_, part) => all[Math.floor(((part + random()) * all.length) / most)] ?? 1,
    );
    return all.length <= most ? all : some;
  }

  /** Counts what every service does. */
  const countAll = (steps: Map<Victim, number>): Blow => ({
    arm() {
      for (const victim of dying) points.count(victim);
    },
    async struck() {
      await points.quiet(dying);
      for (const victim of dying) steps.set(victim, points.stop(victim).length);
      return undefined;
    },
  });

  const endAt = (victim: Victim, at: number): Blow => ({
    arm: () => points.count(victim, at),
    async struck() {
      await points.quiet([victim]);
      const ended = points.ended(victim);
      const last = points.stop(victim).at(-1);
      return ended ? `${victim} ended at step ${at} (${last})` : undefined;
    },
  });

  test.each(operations)(
    '$name',
    async (operation) => {
      if (Date.now() > end) return;
      const steps = new Map<Victim, number>();
      const whole = await measure(world, operation, countAll(steps));
      const wrong: string[] = [];
      const working = dying.filter((victim) => steps.get(victim));
      for (const victim of everyday ? working.slice(Math.floor(random() * working.length)).slice(0, 1) : working) {
        const total = steps.get(victim) ?? 0;
        let missed = 0;
        for (const at of pick(operation.name, victim, total)) {
          if (Date.now() > end) break;
          const found = await crash(world, operation, whole, endAt(victim, at));
          if (found === undefined) missed++;
          else killed++;
          for (const each of found ?? []) process.stdout.write(`${each}\n`);
          wrong.push(...(found ?? []));
          done.add(operation.name, victim, at);
        }
        if (!everyday) process.stdout.write(`${operation.name}: ${victim} makes ${total} steps, ${missed} of which did not come again\n`);
      }
      expect(wrong).toEqual([]);
      const check = await command(pinnedNode, [join(bundles, 'gantry-images.cjs'), 'check', '--root', engine.root, '--run', engine.run]);
      expect(check).toMatchObject({ code: 0 });
    },
    3_600_000,
  );
});
