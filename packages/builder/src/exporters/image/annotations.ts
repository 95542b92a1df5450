import { formatPlatform, parsePlatform, type Platform } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

const PLACES = ['manifest', 'manifest-descriptor', 'index', 'index-descriptor'] as const;
type Place = (typeof PLACES)[number];
const KEY = /^annotation(?:-([a-z-]+))?(?:\[([A-Za-z0-9_/-]+)\])?\.(\S+)$/;

/** One annotation that a client or a frontend asked for. */
export interface Annotation {
  readonly place: Place;
  /** Platform id; empty: all. */
  readonly platform: string;
  readonly key: string;
  readonly value: string;
}

/** Undefined: the attribute is about something else. */
export function annotationOf(attribute: string, value: string): Annotation | undefined {
  const [, named = 'manifest', platform = '', key = ''] = KEY.exec(attribute) ?? [];
  if (key === '') return undefined;
  const place = PLACES.find((each) => each === named);
  if (place === undefined) throw invalidArgument(`unrecognized annotation type ${named}`);
  if (platform !== '' && place.startsWith('index')) throw invalidArgument(`annotation ${attribute}: an index has no platform`);
  return { place, platform: platform === '' ? '' : formatPlatform(parsePlatform(platform)), key, value };
}

/** Those of one place, sorted, later ones winning; undefined when there are none. */
export function annotationsFor(all: readonly Annotation[], place: Place, platform?: Platform): Record<string, string> | undefined {
  const id = platform === undefined ? '' : formatPlatform(platform);
  const suitable = all.filter((each) => each.place === place && (each.platform === '' || each.platform === id));
  if (suitable.length === 0) return undefined;
  const sorted = [...suitable].sort((a, b) => Number(a.platform !== '') - Number(b.platform !== '') || (a.key < b.key ? -1 : 1));
  return Object.fromEntries(sorted.map(({ key, value }) => [key, value]));
}

/** Whether something beside the manifest itself is annotated, which only OCI's documents can be. */
export const needsOci = (all: readonly Annotation[]): boolean => all.some(({ place }) => place !== 'manifest');
