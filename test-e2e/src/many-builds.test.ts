import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stillLeftOfBuilds } from './build-crash/left';
import { buildByApi } from './builds/by-api';
import { bundles, command, describeEngine, pinnedNode, until } from './harness';

/** Builds in a row: 1,000 in `tools/test --all`, fewer in the everyday run. */
const total = process.env['GANTRY_TEST_ALL'] ? 1000 : 90;
const services = ['gantry-build', 'gantry-images', 'gantry-supervisor', 'gantry-shim', 'gantry-network', 'gantryd'] as const;
/** What a service may grow by once it is warm: what V8 has not collected yet (one of 17 MiB that lives swings by 65). */
const GROWTH_KIB = 128 * 1024;

if (process.env['GANTRY_E2E_PEER'] !== 'only')
  describeEngine(
    'many builds',
    (suite) => {
      const pid = (service: string): number => {
        const [found] = suite.engine.pids(service);
        if (found === undefined) throw new Error(`${service} does not run`);
        return found;
      };
      const ofAll = <T>(look: (pid: number) => T): Record<string, T> =>
        Object.fromEntries(services.map((service) => [service, look(pid(service))]));
      const memory = (pid: number): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
      const more = (now: Record<string, number>, before: Record<string, number> = {}, least: number): string[] =>
        services.filter((service) => (now[service] ?? 0) - (before[service] ?? 0) > least);
      const file = (number: number): string => `FROM busybox\nENV N=${number}\nRUN echo ${number} > /n\n`;

      test(
        `${total} short builds in a row: memory and descriptors of all services stay, nothing is left, and the store is right`,
        async () => {
          const pids = ofAll((pid) => pid);
          const third = Math.floor(total / 3);
          const sizes: Record<string, number>[] = [];
          let open: Record<string, number> = {};
          for (let number = 0; number < total; number++) {
            const { error, told } = await buildByApi(suite.engine, file(number));
            expect([number, error, told]).toEqual([number, '', expect.stringContaining('Successfully built')]);
            if (number === third) open = ofAll(descriptors);
            if (number % third === third - 1) sizes.push(ofAll(memory));
          }
          for (const service of services)
            process.stdout.write(
              `KiB of ${service} after each third of ${total} builds: ${sizes.map((size) => size[service]).join(' ')}; ` +
                `descriptors ${open[service]} ${descriptors(pid(service))}\n`,
            );
          expect(ofAll((pid) => pid)).toEqual(pids);
          expect(more(sizes[2] ?? {}, sizes[0], GROWTH_KIB)).toEqual([]);
          await until('the descriptors to be as few as before', () => more(ofAll(descriptors), open, 2).length === 0);
          const { engine } = suite;
          expect(await stillLeftOfBuilds(engine, '/none')).toEqual([]);
          const check = await command(pinnedNode, [
            join(bundles, 'gantry-images.cjs'),
            'check',
            '--root',
            engine.root,
            '--run',
            engine.run,
          ]);
          expect(check).toMatchObject({ code: 0 });
        },
        60_000 + total * 5000,
      );

      test('50 at once, each with its own step and its own outcome', async () => {
        const builds = await Promise.all(
          Array.from({ length: 50 }, (_, number) =>
            buildByApi(suite.engine, `FROM busybox\nRUN echo at once ${number} | tee /n\n`, { query: { t: `once:${number}` } }),
          ),
        );
        expect(builds.map(({ error }) => error).filter(Boolean)).toEqual([]);
        builds.forEach(({ told }, number) => expect(told).toContain(`at once ${number}\n`));
        for (const number of [0, 25, 49]) expect(await suite.ok('run', '--rm', `once:${number}`, 'cat', '/n')).toBe(`at once ${number}`);
      }, 600_000);
    },
    { separate: true },
  );
