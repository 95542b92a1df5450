import { resolve } from 'node:path';

type Body = Readonly<Record<string, unknown>>;

/** Mounts as docker run takes them: those of --mount have keys, the others are those of -v. Throws in docker's words. */
export function readMountSpecs(specs: readonly string[]): { readonly Binds: string[]; readonly Mounts: Body[] } {
  const isKeyed = (spec: string): boolean => /^[a-z-]+(?:=|,)/.test(spec);
  return {
    Binds: specs.filter((spec) => !isKeyed(spec)).map((spec) => (/^\.{1,2}(?:[/:]|$)/.test(spec) ? absolute(spec) : spec)),
    Mounts: specs.filter(isKeyed).map(readMount),
  };
}

/** A path that begins where the user stands. */
function absolute(spec: string): string {
  const at = spec.indexOf(':');
  return at < 0 ? resolve(spec) : `${resolve(spec.slice(0, at))}${spec.slice(at)}`;
}

type Take = (mount: Draft, value: string, field: string) => void;

interface Draft {
  Type: string;
  Source: string;
  Target: string;
  ReadOnly: boolean;
  BindOptions: Record<string, unknown>;
  VolumeOptions: {
    Subpath?: string;
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  TmpfsOptions: Record<string, unknown>;
}

const source: Take = (mount, value) => (mount.Source = /^\.{1,2}(?:\/|$)/.test(value) ? resolve(value) : value);
const target: Take = (mount, value) => (mount.Target = value);
const readOnly: Take = (mount, value, field) => (mount.ReadOnly = truth(value, field));

const TAKES: Readonly<Record<string, Take>> = {
  type: (mount, value) => (mount.Type = value.toLowerCase()),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly: readOnly,
  ro: readOnly,
  'bind-propagation': (mount, value) => (mount.BindOptions['Propagation'] = value.toLowerCase()),
  'bind-create-src': (mount, value, field) => (mount.BindOptions['CreateMountpoint'] = truth(value, field)),
  'volume-subpath': (mount, value) => (mount.VolumeOptions.Subpath = value),
  'volume-nocopy': (mount, value, field) => (mount.VolumeOptions.NoCopy = truth(value, field)),
  'volume-label': (mount, value) => (mount.VolumeOptions.Labels = { ...mount.VolumeOptions.Labels, ...pair(value) }),
  'volume-driver': (mount, value) => (mount.VolumeOptions.DriverConfig = { ...mount.VolumeOptions.DriverConfig, Name: value }),
  'volume-opt'(mount, value) {
    const config = mount.VolumeOptions.DriverConfig;
    mount.VolumeOptions.DriverConfig = { ...config, Options: { ...config?.Options, ...pair(value) } };
  },
  'tmpfs-size': (mount, value, field) => (mount.TmpfsOptions['SizeBytes'] = bytes(value, field)),
  'tmpfs-mode'(mount, value, field) {
    if (!/^[0-7]+$/.test(value)) throw invalid('tmpfs-mode', field);
    mount.TmpfsOptions['Mode'] = Number.parseInt(value, 8);
  },
};

function readMount(spec: string): Body {
  const draft: Draft = { Type: 'volume', Source: '', Target: '', ReadOnly: false, BindOptions: {}, VolumeOptions: {}, TmpfsOptions: {} };
  for (const field of spec.split(',')) {
    const at = field.indexOf('=');
    const key = (at < 0 ? field : field.slice(0, at)).toLowerCase();
    const take = Object.hasOwn(TAKES, key) ? TAKES[key] : undefined;
    if (take === undefined) throw new Error(`unexpected key '${key}' in '${field}'`);
    if (at < 0 && !['readonly', 'ro', 'volume-nocopy', 'bind-create-src'].includes(key))
      throw new Error(`invalid field '${field}' must be a key=value pair`);
    take(draft, at < 0 ? 'true' : field.slice(at + 1), field);
  }
  if (draft.Target === '') throw new Error('target is required');
  return Object.fromEntries(
    Object.entries(draft).filter(([, value]) => typeof value !== 'object' || Object.keys(value as object).length > 0),
  );
}

const invalid = (key: string, field: string): Error => new Error(`invalid value for ${key}: ${field.slice(field.indexOf('=') + 1)}`);

function truth(value: string, field: string): boolean {
  if (['1', 't', 'true'].includes(value.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(value.toLowerCase())) return false;
  throw invalid(field.split('=', 1)[0] ?? '', field);
}

function pair(text: string): Record<string, string> {
  const at = text.indexOf('=');
  return at < 0 ? { [text]: '' } : { [text.slice(0, at)]: text.slice(at + 1) };
}

function bytes(text: string, field: string): number {
  const [, number, unit = ''] = /^([0-9]+)([kmg]?)b?$/i.exec(text) ?? [];
  if (number === undefined) throw invalid('tmpfs-size', field);
  return Number(number) * 1024 ** ' kmg'.indexOf(unit.toLowerCase() || ' ');
}
