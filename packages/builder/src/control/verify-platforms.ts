import { formatPlatform, hostPlatform, normalizePlatform, parsePlatform, type Platform } from '@gantry/oci';
import { errorText } from '@gantry/rpc';
import { platformsOf } from '../exporters/image/platforms';
import type { FrontendResult, Outcome } from '../frontend/frontend';

/** What does not fit between the platforms that a client asked for and those of the result, in words for it. */
export function platformWarnings(
  options: ReadonlyMap<string, string>,
  result: Pick<FrontendResult, 'outcomes' | 'metadata'>,
): readonly string[] {
  // An answer to a question has no tree.
  if (!result.metadata.has('refs.platforms') && [...result.outcomes.values()].every(isScratch)) return [];
  const wanted = options.get('platform')?.split(',') ?? [formatPlatform(hostPlatform())];
  const asked = new Map<string, Platform>();
  const wrong: string[] = [];
  for (const text of wanted) {
    try {
      const platform = normalizePlatform(parsePlatform(text));
      const name = nameOf(platform);
      if (asked.has(name)) wrong.push(`Duplicate platform result requested ${JSON.stringify(text)}`);
      asked.set(name, platform);
    } catch (error) {
      wrong.push(`Invalid platform result requested ${JSON.stringify(text)}: ${errorText(error)}`);
    }
  }
  if (wrong.length > 0) return wrong;
  const made = platformsOf(result).map(({ platform }) => normalizePlatform(platform));
  const [only] = made;
  if (asked.size === 1 && made.length === 1 && only !== undefined) {
    const { 'os.version': _version, ...rest } = only;
    if (asked.has(nameOf(only)) || asked.has(nameOf(rest))) return [];
    return [`Requested platform ${JSON.stringify(wanted[0])} does not match result platform ${JSON.stringify(nameOf(only))}`];
  }
  const several = [...result.outcomes.keys()].some((id) => id !== '');
  if (!several && asked.size > 1) return ['Multiple platforms requested but result is not multi-platform'];
  const names = made.map(nameOf);
  if (asked.size === names.length && names.every((name) => asked.has(name))) return [];
  return [`Requested platforms ${[...asked.keys()].sort().join()} do not match result platforms ${names.sort().join()}`];
}

const isScratch = ({ definition }: Outcome): boolean => (definition?.def.length ?? 0) === 0;

function nameOf(platform: Platform): string {
  const version = platform['os.version'] ?? '';
  const name = formatPlatform(platform);
  return version === '' ? name : name.replace('/', `(${version})/`);
}
