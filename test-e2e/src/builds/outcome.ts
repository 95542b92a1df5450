import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { CommandResult } from '../harness';
import type { BuildCase } from './case';
import { layOut } from './context';
import type { BuildPlace } from './place';
import { treeOf } from './tree';

/** What a build left: config and history of the image, its tree where it is not the base's, or what the client printed. */
export interface Outcome {
  readonly exit: number;
  readonly config?: unknown;
  readonly history?: readonly string[];
  readonly tree?: Readonly<Record<string, string>>;
  readonly printed?: readonly string[];
}

/** Does a case in a place. `base` is the tree of the image that cases begin with; times of after `since`, milliseconds, are `now`. */
export async function outcomeOf(
  place: BuildPlace,
  one: BuildCase,
  base: ReadonlyMap<string, string>,
  number: number,
  since: number,
): Promise<Outcome> {
  const folder = join(place.folder, `case-${number}`);
  const tar = join(place.folder, `case-${number}.tar`);
  mkdirSync(folder);
  try {
    layOut(folder, one);
    const compared = one.fails !== true && one.prints !== true;
    const outputs = compared ? ['--output', place.output(number), '--output', `type=tar,dest=${tar}`] : [];
    const args = ['-f', join(folder, one.path ?? 'Dockerfile'), ...(one.args ?? []).map((word) => word.replaceAll('%', folder))];
    const run = () =>
      place.buildx(['build', ...(one.prints === true ? [] : ['--progress=plain']), '--provenance=false', ...outputs, ...args, folder], {
        env: { ...process.env, BUILDX_NO_DEFAULT_ATTESTATIONS: '1', ...one.env },
        timeout: 120_000,
      });
    if (one.twice === true) await run();
    const result = await run();
    if (one.prints === true)
      return { exit: result.code, printed: linesOf(withoutDefinitions(result.stdout) + errorOf(result.stderr), folder) };
    if (one.fails === true) return { exit: result.code, printed: linesOf(endOf(result, folder), folder) };
    if (result.code !== 0) throw new Error(`docker buildx build: ${result.stderr}`);
    const { config, history } = await place.image(number);
    const warnings = warningsOf(result.stderr);
    return {
      exit: 0,
      config,
      history,
      tree: differenceOf(base, await treeOf(tar, since)),
      ...(warnings.length === 0 && one.twice !== true
        ? {}
        : { printed: [...warnings, ...(one.twice === true ? cachedOf(result.stderr) : [])] }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(tar, { force: true });
  }
}

/** Excerpt of the Dockerfile, warnings and the error, without what comes before. */
function endOf({ stderr }: CommandResult, folder: string): string {
  const lines = stderr.split('\n');
  const first = lines.findIndex((line) => /^(Dockerfile|[\w./-]+):\d+$|^ERROR: /.test(line));
  return [...warningsOf(stderr), ...lines.slice(first === -1 ? 0 : first)].join('\n').replaceAll(folder, '%');
}

const errorOf = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => line.startsWith('ERROR: '))
    .join('\n');

/** Warnings, each once and in the alphabet's order: the client tells them in its own, and of several lines BuildKit names one or the other. */
const warningsOf = (stderr: string): string[] =>
  [
    ...new Set(
      stripVTControlCharacters(stderr)
        .split('\n')
        .filter((line) => /^ - \w+: /.test(line))
        .map((line) => line.replace(/ \(line \d+\)$/, '')),
    ),
  ].sort();

/** Steps that came from the cache, by their names. */
function cachedOf(stderr: string): string[] {
  const names = new Map(Array.from(stderr.matchAll(/^#(\d+) (\[.*)$/gm), ([, id = '', name = '']) => [id, name]));
  return Array.from(stderr.matchAll(/^#(\d+) CACHED$/gm), ([, id = '']) => `CACHED ${names.get(id) ?? ''}`).sort();
}

/** Lines without what is another one in each run: ids of trees, folders of the engine. */
const linesOf = (text: string, folder: string): string[] =>
  text
    .replaceAll(folder, '%')
    .replace(/of ref \S+: /g, 'of ref REF: ')
    .replace(/(non-directory: )\S*\//g, '$1')
    .split('\n')
    .filter((line) => line !== '');

/** JSON that a call printed, without the definitions of its sources: they hold the session's id. */
function withoutDefinitions(text: string): string {
  if (!text.startsWith('{')) return text;
  return `${JSON.stringify(
    JSON.parse(text, (key, value: unknown) => (key === 'definition' ? undefined : value)),
    null,
    2,
  )}\n`;
}

/** Files that each engine makes in its own way. */
const OWN = /^(\.dockerenv|dev|proc|sys|etc\/(hosts|hostname|resolv\.conf))(\/|$)|^etc$/;

function differenceOf(base: ReadonlyMap<string, string>, tree: ReadonlyMap<string, string>): Record<string, string> {
  const difference: Record<string, string> = {};
  for (const [path, line] of tree) if (base.get(path) !== line && !OWN.test(path)) difference[path] = line;
  if (tree.has('bin/busybox')) for (const path of base.keys()) if (!tree.has(path) && !OWN.test(path)) difference[path] = 'gone';
  return Object.fromEntries(Object.entries(difference).sort(([a], [b]) => (a < b ? -1 : 1)));
}
