import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, failedPrecondition, type Logger } from '@gantry/rpc';
import { parse } from 'yaml';
import { type CdiSpec, faultOf, type KnownDevice } from './cdi-spec';

/** A device that somebody asks for. */
export interface AskedDevice {
  /** Its name by CDI: vendor.com/class=name. */
  readonly name: string;
  /** Without it where the host has none of that name. */
  readonly optional: boolean;
}

const CLASS = 'org.mobyproject.buildkit.device.class';

/** The devices that the folders describe now. Of two with one name that of the later folder counts; two in one folder cancel each other. */
export async function readDevices(directories: readonly string[], logger: Pick<Logger, 'warn'>): Promise<KnownDevice[]> {
  const all = new Map<string, KnownDevice>();
  for (const directory of directories) {
    const here = new Map<string, KnownDevice[]>();
    for (const spec of await readSpecs(directory, logger))
      for (const device of spec.devices) {
        const name = `${spec.kind}=${device.name}`;
        here.set(name, [...(here.get(name) ?? []), { name, spec, device }]);
      }
    for (const [name, [first, second]] of here) {
      if (second !== undefined) logger.warn({ device: name, directory }, 'two descriptions of one device: none counts');
      if (first === undefined || second !== undefined) all.delete(name);
      else all.set(name, first);
    }
  }
  return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readSpecs(directory: string, logger: Pick<Logger, 'warn'>): Promise<CdiSpec[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => /\.(json|yaml)$/.test(name)).sort();
  const specs = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      try {
        const value: unknown = parse(await readFile(path, 'utf8'));
        const fault = faultOf(value);
        if (fault === undefined) return [value as CdiSpec];
        logger.warn({ path }, `a description of devices is passed over: ${fault}`);
      } catch (error) {
        logger.warn({ path }, `a description of devices is passed over: ${errorText(error)}`);
      }
      return [];
    }),
  );
  return specs.flat();
}

/**
 * The devices that are asked for: `KIND=NAME` one, `KIND=*` all of a kind, `KIND` its first; else those that an annotation puts into a class of that name. Errors:
 * failedPrecondition for one that is required and not there.
 */
export function findDevices(known: readonly KnownDevice[], asked: readonly AskedDevice[]): KnownDevice[] {
  const found = asked.flatMap(({ name, optional }) => {
    const these = devicesNamed(known, name);
    if (these.length === 0 && !optional) throw failedPrecondition(`required device "${name}" is not registered`);
    return these;
  });
  return [...new Set(found)];
}

/** The devices that a name stands for. */
export function devicesNamed(known: readonly KnownDevice[], asked: string): KnownDevice[] {
  const [kind = '', name] = asked.split('=', 2);
  const ofKind = kind.includes('/') ? known.filter((each) => each.spec.kind === kind) : [];
  const named =
    name === undefined || name === '' ? ofKind.slice(0, 1) : name === '*' ? ofKind : ofKind.filter((each) => each.device.name === name);
  if (named.length > 0) return named;
  return known.filter(({ spec, device }) => ({ ...spec.annotations, ...device.annotations })[CLASS] === asked);
}
