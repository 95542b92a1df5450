import { goBool } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';

/** What a `local://` source asks for. */
export interface LocalIdentifier {
  /** Name of the folder at the client. */
  readonly name: string;
  /** Session to ask first; any other is asked when it is gone. Empty: any. */
  readonly sessionId: string;
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
  readonly follow: readonly string[] | undefined;
  readonly sharedKeyHint: string;
  /** Every content is asked for, whatever the stats say. */
  readonly everything: boolean;
  /** Paths whose contents are wanted, where of the others only the stats are; undefined: all contents. */
  readonly exceptions: readonly string[] | undefined;
}

export function localIdentifier(name: string, attributes: Readonly<Record<string, string>>): LocalIdentifier {
  let own = name;
  let sessionId = '';
  let include: readonly string[] | undefined;
  let exclude: readonly string[] | undefined;
  let follow: readonly string[] | undefined;
  let sharedKeyHint = '';
  let everything = false;
  let metadataOnly = false;
  let exceptions: readonly string[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    switch (key) {
      case 'local.session': {
        const colon = value.indexOf(':');
        sessionId = value.slice(colon + 1);
        if (colon >= 0) own = `${value.slice(0, colon)}-${name}`;
        break;
      }
      case 'local.unique':
        break; // makes the definition's digest unique, nothing else
      case 'local.includepattern':
        include = texts(key, value);
        break;
      case 'local.excludepatterns':
        exclude = texts(key, value);
        break;
      case 'local.followpaths':
        follow = texts(key, value);
        break;
      case 'local.sharedkeyhint':
        sharedKeyHint = value;
        break;
      case 'local.differ':
        if (value !== 'none' && value !== 'metadata' && value !== '')
          throw invalidArgument(`local source: ${key} "${value}" is neither none nor metadata`);
        everything = value === 'none';
        break;
      case 'local.metadatatransfer':
        metadataOnly = truth(key, value);
        break;
      case 'local.metadatatransferexclude':
        exceptions = texts(key, value) ?? [];
        break;
      default:
        throw invalidArgument(`local source: unknown attribute ${key}`);
    }
  }
  return { name: own, sessionId, include, exclude, follow, sharedKeyHint, everything, exceptions: metadataOnly ? exceptions : undefined };
}

function truth(key: string, value: string): boolean {
  const said = goBool(value);
  if (said === undefined) throw invalidArgument(`invalid value for ${key} "${value}"`);
  return said;
}

function texts(key: string, json: string): readonly string[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalidArgument(`local source: ${key} is not JSON`, { cause });
  }
  if (value === null) return undefined;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw invalidArgument(`local source: ${key} is no list of texts`);
  return value;
}
