import type { Platform } from '@gantry/api/gantry/images/v1/images';
import { type Codec, list, scanJson, struct, text } from '@gantry/docker-api';
import { parsePlatform as parseOciPlatform } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { Exchange } from './exchange';

interface PlatformJson {
  os: string;
  architecture: string;
  variant: string;
  'os.version': string;
  'os.features': string[];
}

const platformJson: Codec<PlatformJson> = struct<PlatformJson>('Platform', {
  os: text,
  architecture: text,
  variant: text,
  'os.version': text,
  'os.features': list(text),
});

/** `os[/arch[/variant]]`, as `pull` and `create` say it; undefined when empty. A part alone is completed by the host's. Errors: invalidArgument. */
export function parsePlatform(value: string): Platform | undefined {
  if (value === '') return undefined;
  const { os, architecture, variant = '', 'os.version': osVersion = '' } = parseOciPlatform(value);
  return { os, architecture, variant, osVersion };
}

/** A platform as JSON object, as inspect, history, save, load, push and rmi say it. Errors: invalidArgument. */
export function parsePlatformJson(value: string): Platform {
  try {
    const { value: json, rest } = scanJson(value);
    if (rest !== '') throw invalidArgument('unexpected content after JSON');
    const platform = platformJson.read(json, { struct: '', path: '' });
    if (platform.os === '' || platform.architecture === '') throw invalidArgument('both OS and Architecture must be provided');
    return { os: platform.os, architecture: platform.architecture, variant: platform.variant, osVersion: platform['os.version'] };
  } catch (error) {
    throw invalidArgument(`failed to parse platform: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** The platforms of an archive to save or load: several of them only since API 1.52. Errors: invalidArgument. */
export function archivePlatforms({ query, version }: Pick<Exchange, 'query' | 'version'>): Platform[] {
  const values = query.all('platform').filter((value) => value !== '');
  if (values.length > 1 && !version.atLeast('1.52')) throw invalidArgument('multiple platform parameters not supported');
  return values.map(parsePlatformJson);
}
