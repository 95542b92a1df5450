import { parseStages, readLines } from '@gantry/dockerfile';

/** The option that names the build arguments of the client, also those that it gave no value. */
export const NAMED_ARGS = 'classic-args';

/** Arguments that every step has without being asked for. */
const PREDEFINED = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

/** Build arguments of the client that no ARG names. */
export function unusedArgs(text: string, given: readonly string[]): readonly string[] {
  const { stages, globals } = parseStages(readLines(text));
  const named = new Set([...PREDEFINED, ...globals.flatMap(({ args }) => args.map(({ key }) => key))]);
  for (const { steps } of stages)
    for (const { instruction } of steps) if (instruction.name === 'arg') for (const { key } of instruction.args) named.add(key);
  return given.filter((name) => !named.has(name)).sort();
}
