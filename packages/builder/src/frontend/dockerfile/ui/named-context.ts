import type { ImageConfig } from '@gantry/oci';
import { familiarString, formatReference, parseReference, withDefaultTag } from '@gantry/oci';
import { invalidArgument, prefixed } from '@gantry/rpc';
import type { Tree } from '../../../llb/write/graph';
import type { Platform } from '../platform';
import { normalizePlatform, platformName } from '../platform';
import type { Request } from '../request';
import { loadContext } from './load-context';

/** What a name stands for that the client gave another meaning (`--build-context NAME=…`). */
export interface LoadedContext {
  readonly tree: Tree;
  /** Its configuration, where it is an image. */
  readonly image: ImageConfig | undefined;
}

export interface ContextWish {
  readonly platform: Platform;
  readonly mode: 'default' | 'pull' | 'local';
  /** Paths of a folder that are used, asked for when the definition is written. */
  readonly paths: () => readonly string[];
}

export interface NamedContext {
  load(): Promise<LoadedContext>;
}

/** The named contexts of a build. */
export class NamedContexts {
  constructor(private readonly request: Request) {}

  /** The context that stands in for a name; `context:NAME::PLATFORM` goes before `context:NAME`. Errors: invalidArgument for what is no name. */
  find(name: string, wish: ContextWish): NamedContext | undefined {
    if (['scratch', 'context'].includes(name.toLowerCase())) return undefined;
    let familiar: string;
    try {
      familiar = familiarString(parseReference(name)).replace(/:latest$/, '');
    } catch (error) {
      throw prefixed(error, `invalid context name ${name}`);
    }
    for (const shown of [`${familiar}::${platformName(normalizePlatform(wish.platform))}`, familiar]) {
      const place = this.request.options.get(`context:${shown}`);
      if (place !== undefined) return { load: () => loadContext(this.request, { place, name: familiar, shown }, wish) };
    }
    return undefined;
  }
}

/** An image reference in full. */
export function fullReference(text: string): string {
  return formatReference(withDefaultTag(parseReference(text)));
}

export function badContext(place: string, shown: string): Error {
  return invalidArgument(`invalid context specifier ${place} for ${shown}`);
}
