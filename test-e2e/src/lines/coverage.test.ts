import { transcripts } from '.';
import { flagsOf, shortest } from './flags';
import { missing } from './missing';
import { readTable, tablePath } from './table';
import { dockerCommands } from './words';

const name = 'every flag of the docker CLI has a line that gives it a value of its own, or a reason why not';

test('words of commands in a line', () => {
  expect(dockerCommands(`A=1 docker run -e 'a b' $(docker create x) | wc -l; docker ps`)).toEqual([
    ['run', '-e', 'a b', '$(docker create x)'],
    ['create', 'x'],
    ['ps'],
  ]);
});

if (tablePath === '') test.skip(`${name} [needs DOCKER_CLI_FLAGS, the path of a table of its flags]`, () => undefined);
else
  test(name, () => {
    const rows = readTable();
    const byCommand = new Map<string, typeof rows>();
    for (const row of rows) byCommand.set(row.command, [...(byCommand.get(row.command) ?? []), row]);
    const shown = new Set(
      [...transcripts.values()].flatMap((sessions) =>
        sessions.flatMap(({ lines }) =>
          lines.flatMap(({ command }) => dockerCommands(command).flatMap((words) => flagsOf(words, byCommand))),
        ),
      ),
    );
    const all = [...new Set(rows.map(({ command, flag }) => `${shortest(command)} ${flag}`))];
    const excused = (flag: string): string | undefined =>
      Object.keys(missing).find((start) => flag === start || (start.endsWith(' ') && flag.startsWith(start)));
    process.stdout.write(`${all.filter((flag) => shown.has(flag)).length} of ${all.length} flags have lines\n`);
    expect(all.filter((flag) => !shown.has(flag) && excused(flag) === undefined)).toEqual([]);
    expect(Object.keys(missing).filter((start) => !all.some((flag) => excused(flag) === start && !shown.has(flag)))).toEqual([]);
  });
