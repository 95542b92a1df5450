import { findSyntax } from '@gantry/dockerfile';
import { tryReference } from '@gantry/oci';
import { asGantryError, detailsOf, prefixed } from '@gantry/rpc';
import { withSource } from '../../../failure/source';
import { rangesOf } from '../convert/ranges';
import type { FrontendResult } from '../../frontend';
import type { Request } from '../request';
import type { Entry } from './entry';

/** A frontend image that a build asks for. */
export interface ForeignSyntax {
  readonly image: string;
  /** The image and what comes behind it. */
  readonly cmdline: string;
  /** The line that asks; undefined where the client asked. */
  readonly line: number | undefined;
}

/** The frontend that is asked for, unless it is this one: docker/dockerfile in any version is this one, which is told. */
export function findForeignSyntax({ options, bridge }: Request, entry: Entry): ForeignSyntax | undefined {
  if (options.has('cmdline')) return undefined;
  const argument = options.get('build-arg:BUILDKIT_SYNTAX')?.trim();
  const directive = findSyntax(entry.text);
  const found: ForeignSyntax | undefined =
    argument !== undefined
      ? { image: argument.split(' ', 1)[0] ?? '', cmdline: argument, line: undefined }
      : directive === undefined
        ? undefined
        : { image: directive.word, cmdline: directive.value, line: directive.line };
  if (found === undefined) return undefined;
  if (!isOwn(found.image)) return found;
  bridge.note(`[internal] syntax ${found.image} is served by the built-in Dockerfile frontend`);
  return undefined;
}

function isOwn(image: string): boolean {
  const reference = tryReference(image);
  return reference?.domain === 'docker.io' && (reference.path === 'docker/dockerfile' || reference.path === 'docker/dockerfile-upstream');
}

/** Lets the image do the whole build. */
export async function forward(request: Request, entry: Entry, syntax: ForeignSyntax): Promise<FrontendResult> {
  const options = new Map([...request.options, ['cmdline', syntax.cmdline], ['source', syntax.image]]);
  try {
    return await request.bridge.solve(request.ctx, {
      frontend: 'gateway.v0',
      options,
      inputs: request.inputs,
      evaluate: false,
      cacheImports: [],
    });
  } catch (error) {
    const { line } = syntax;
    if (detailsOf(error).some(({ typeUrl }) => typeUrl.includes('errdefs.Source'))) throw error;
    if (line === undefined) throw prefixed(error, `failed with build-arg:BUILDKIT_SYNTAX = ${syntax.cmdline}`);
    throw withSource(asGantryError(error), entry.source, rangesOf({ start: line, end: line }));
  }
}
