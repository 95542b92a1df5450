import { randomBytes } from 'node:crypto';
import type { Add, Copy, Transfer } from '@gantry/dockerfile';
import type { CopyAction } from '../../../llb/write/file';
import { file } from '../../../llb/write/file';
import type { About, Tree } from '../../../llb/write/graph';
import { merge } from '../../../llb/write/layers';
import { locationOf, shownPlatform } from '../convert/conversion';
import { type Dispatch, sourceTree } from '../convert/dispatch';
import { commit } from '../convert/image';
import { shownCommand, stepName, upperCommand } from '../convert/names';
import { usedPath } from '../convert/paths';
import type { Command } from '../convert/state';
import { checkChecksum, isRemote, remoteAction } from './add-remote';
import { destination, fileAction, type Transferring } from './copy-files';
import { inlineAction } from './copy-inline';
import { modeOf } from './mode';
import { ownerOf } from './owner';

export function dispatchCopy(at: Dispatch, copy: Copy): void {
  const { state, command } = at;
  const refuse = (): string => `cannot copy from stage "${copy.from}", it needs to be defined before current stage "${state.shownName}"`;
  const from = sourceTree(at, 0, refuse);
  const used = transfer(at, expanded(at, copy), { from, add: undefined, parents: copy.parents, ofContext: copy.from === '' });
  const paths = command.sources[0]?.paths ?? state.contextPaths;
  for (const path of used) paths.add(usedPath(path));
}

export function dispatchAdd(at: Dispatch, add: Add): void {
  const given = { ...add, ...expanded(at, add), checksum: at.word(add.checksum) };
  const used = transfer(at, given, { from: at.conversion.context, add: given, parents: false, ofContext: true });
  for (const path of used) if (!/^https?:\/\//.test(path)) at.state.contextPaths.add(usedPath(path));
}

function expanded<T extends Transfer>(at: Dispatch, { chown, chmod, sources, dest, files, ...rest }: T): Transfer {
  return {
    link: rest.link,
    exclude: rest.exclude,
    chown: at.word(chown),
    chmod: at.word(chmod),
    sources: sources.map(at.word),
    dest: at.word(dest),
    files: files.map((inline) => (inline.expand ? { ...inline, data: at.content(inline.data) } : inline)),
  };
}

interface From {
  readonly from: Tree;
  readonly add: Add | undefined;
  readonly parents: boolean;
  /** The files are those of the build context, which a .dockerignore can leave out. */
  readonly ofContext: boolean;
}

/** Copies files into the stage, in a step of its own; gives the paths that were named. */
function transfer(at: Dispatch, given: Transfer, { from, add, parents, ofContext }: From): readonly string[] {
  const { conversion, state, command } = at;
  const { chown, chmod, sources, files, link, exclude } = given;
  const dest = destination(state, given.dest);
  const mode = chmod === '' ? undefined : modeOf(chmod);
  if (add !== undefined) checkChecksum(add.checksum, sources);
  const shown = upperCommand(shownCommand(command.step.text, { lookup: (name) => state.env.get(name), escape: conversion.escape }));
  const name = stepName(state, shown, shownPlatform(conversion, state.platform));
  const common = {
    dest,
    createDest: true,
    ...(mode === undefined ? {} : { mode }),
    ...(chown === '' ? {} : { owner: ownerOf(chown) }),
    ...(exclude.length === 0 ? {} : { exclude }),
  } as const satisfies Partial<CopyAction>;
  const transferring: Transferring = { at, from, common, name, parents, add, ofContext };
  const actions: CopyAction[] = [
    ...sources.map((source) => (isRemote(source) ? remoteAction(transferring, source) : fileAction(transferring, source))),
    ...files.map((inline) => inlineAction(transferring, inline)),
  ];
  // The classic builder tells of no cache, and copies anyway what it has copied: the same files have one name. What is fetched anew may have another time.
  const ignoreCache = state.ignoreCache && (conversion.input.classic === undefined || sources.some(isRemote));
  const about: About = { name, locations: locationOf(conversion, command.step.lines), ignoreCache };
  if (link && chmod === '') linked(at, actions, about, shown);
  else state.tree = file(state.tree, actions, about);
  commit(state, `${historyOf(given, command, add !== undefined, parents)} # buildkit`, true, conversion.options.epoch);
  return sources;
}

/** Copies into an empty tree that is laid over the stage: it stays the same whatever the stage was. */
function linked({ conversion, state }: Dispatch, actions: readonly CopyAction[], about: About, shown: string): void {
  const name = about.name ?? shown;
  const group = { id: randomBytes(13).toString('hex'), name };
  state.stepAt = Math.max(state.stepAt - 1, 0);
  const linkName = stepName(state, `LINK ${shown}`, shownPlatform(conversion, state.platform));
  const copied = file(undefined, actions, { ...about, group: { ...group, weak: true } });
  state.tree = merge([state.tree, copied], { ...about, name: linkName, group: { ...group, weak: false } });
}

function historyOf(
  { chown, chmod, sources, files, dest }: Transfer,
  { sums = new Map<string, string>() }: Pick<Command, 'sums'>,
  add: boolean,
  parents: boolean,
): string {
  return [
    add ? 'ADD' : 'COPY',
    ...(parents ? ['--parents'] : []),
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
    ...sources.map((source) => sums.get(source) ?? source),
    ...files.map(({ path }) => `<<${path}`),
    ...(sums.size === 0 ? [dest] : ['in', `${dest} `]),
  ].join(' ');
}
