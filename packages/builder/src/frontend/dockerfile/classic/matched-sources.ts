import { expand, type Step } from '@gantry/dockerfile';
import { isErrorOf } from '@gantry/rpc';
import type { Tree } from '../../../llb/write/graph';
import { type FileStat, type FrontendBridge, type Outcome } from '../../frontend';
import { type Request, solveTree } from '../request';

/** So many names at most stand in a pattern's place: they are in the history. */
const MOST = 16;
const PATTERN = /[*?[]/;
/** What is no pattern, variable or quote when it is read as a word again. */
const PLAIN = /^[\w.,@%+=:/-]+$/;

type Look = Pick<Request, 'ctx'> & { readonly bridge: Pick<FrontendBridge, 'readDir' | 'statFile'>; readonly outcome: Outcome };

/**
 * The step with the names of the context in place of the patterns of COPY and ADD: the classic builder knows files by what they are, not by how
 * they were found, so a pattern comes to the image that the names came to. A pattern that finds nothing, too much or odd names stays.
 */
export async function withMatchedSources(
  request: Request,
  context: Tree,
  step: Step,
  lookup: (name: string) => string | undefined,
): Promise<Step> {
  const { instruction } = step;
  if (instruction.name !== 'copy' && instruction.name !== 'add') return step;
  if (instruction.name === 'copy' && instruction.copy.from !== '') return step;
  const { sources } = instruction.name === 'copy' ? instruction.copy : instruction.add;
  const words = sources.map((source) => expand(source, { lookup, escape: '\\' }).word);
  if (!words.some(isPattern)) return step;
  const { outcome } = await solveTree(request, context);
  const look = { ctx: request.ctx, bridge: request.bridge, outcome };
  const named = await Promise.all(words.map(async (word, at) => (isPattern(word) ? matched(look, word) : [sources[at] ?? word])));
  const found = named.flat();
  if (found.length > MOST) return step;
  if (instruction.name === 'copy') return { ...step, instruction: { ...instruction, copy: { ...instruction.copy, sources: found } } };
  return { ...step, instruction: { ...instruction, add: { ...instruction.add, sources: found } } };
}

const isPattern = (word: string): boolean => PATTERN.test(word) && !word.includes('\\') && !/^https?:/.test(word);

/** The paths that a pattern finds, in order; the pattern itself where none or no plain one is found. */
export async function matched(look: Look, pattern: string): Promise<readonly string[]> {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return [pattern];
  let found: readonly string[] = [''];
  for (const part of parts) found = (await Promise.all(found.map((folder) => within(look, folder, part)))).flat();
  return found.length > 0 && found.every((path) => PLAIN.test(path)) ? found : [pattern];
}

async function within({ ctx, bridge, outcome }: Look, folder: string, part: string): Promise<readonly string[]> {
  const join = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
  try {
    if (PATTERN.test(part))
      return (await bridge.readDir(ctx, outcome, folder === '' ? '/' : folder, part)).map(({ path }: FileStat) => join(path));
    await bridge.statFile(ctx, outcome, join(part));
    return [join(part)];
  } catch (error) {
    if (isErrorOf(error, 'notFound', 'invalidArgument')) return [];
    throw error;
  }
}
