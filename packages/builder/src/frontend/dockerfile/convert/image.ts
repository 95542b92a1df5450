import { defaultPath, formatJson, type ImageConfig } from '@gantry/oci';
import type { Platform } from '../platform';
import type { StageState } from './state';

export const PATH = `PATH=${defaultPath}`;
/** Of what this frontend writes into a history. */
export const COMMENT = 'buildkit.dockerfile.v0';

/** The configuration of a stage FROM scratch. */
export function emptyImage(platform: Platform): ImageConfig {
  const { os, architecture, variant } = platform;
  return {
    architecture,
    os,
    ...versionOf(platform),
    ...(variant === undefined ? {} : { variant }),
    rootfs: { type: 'layers', diff_ids: [] },
    config: { WorkingDir: '/', ...(os === 'windows' ? {} : { Env: [PATH] }) },
  };
}

export function versionOf(platform: Platform): Pick<Platform, 'os.version' | 'os.features'> {
  const { 'os.version': version, 'os.features': features } = platform;
  return {
    ...(version === undefined || version === '' ? {} : { 'os.version': version }),
    ...(features === undefined ? {} : { 'os.features': features }),
  };
}

/** Writes a step into the image's history. */
export function commit(state: StageState, message: string, layer: boolean, epoch: number | undefined): void {
  state.image.history = [
    ...(state.image.history ?? []),
    {
      ...(epoch === undefined ? {} : { created: rfc3339(epoch) }),
      created_by: message,
      comment: COMMENT,
      ...(layer ? {} : { empty_layer: true }),
    },
  ];
}

export const rfc3339 = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/** Sets a variable of the image; one that is there keeps its place. */
export function setImageEnv(state: StageState, name: string, value: string): void {
  const env = state.config.Env ?? [];
  const at = env.findIndex((entry) => (entry.split('=', 1)[0] ?? '') === name);
  state.config.Env = at < 0 ? [...env, `${name}=${value}`] : env.with(at, `${name}=${value}`);
}

/** `a=b` in two. */
export function splitEnv(entry: string): readonly [name: string, value: string] {
  const equals = entry.indexOf('=');
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

/** The configuration as JSON; members without content are left out, as Docker's are. */
export function imageJson(image: ImageConfig): Buffer {
  const { created, author, architecture, os, variant, rootfs, history, config = {} } = image;
  const text = formatJson({
    ...(created === undefined ? {} : { created }),
    ...(author === undefined || author === '' ? {} : { author }),
    architecture,
    os,
    ...versionOf(image),
    ...(variant === undefined || variant === '' ? {} : { variant }),
    config: Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value))),
    rootfs,
    ...(history === undefined || history.length === 0 ? {} : { history }),
  });
  return Buffer.from(text);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
