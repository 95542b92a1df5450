import { GantryError } from '@gantry/rpc';
import type { PluginConfig } from './config';
import type { PluginRecord, PluginSettings } from './record';

/** NAME[.FIELD]=VALUE */
interface Wish {
  readonly name: string;
  readonly field: string;
  readonly value: string;
}

/** What of each kind can be set at all. */
const FIELDS = { env: 'value', args: 'value', devices: 'path', mounts: 'source' } as const;

const refused = (message: string): GantryError => new GantryError('internal', message); // dockerd's status

/** The record with what `docker plugin set` asks for. Throws in dockerd's words; then nothing is set. */
export function withSettings(record: PluginRecord, words: readonly string[]): PluginRecord {
  if (record.enabled) throw refused('cannot set on an active plugin, disable plugin before setting');
  return words.map(parseWish).reduce(settle, record);
}

function parseWish(word: string): Wish {
  const equals = word.indexOf('=');
  if (equals === 0) throw refused('invalid format, must be <name>[.<field>][=<value>]');
  const named = equals < 0 ? word : word.slice(0, equals);
  const value = equals < 0 ? '' : word.slice(equals + 1);
  const dot = named.lastIndexOf('.');
  return dot > 0 ? { name: named.slice(0, dot), field: named.slice(dot + 1), value } : { name: named, field: '', value };
}

function settle(record: PluginRecord, wish: Wish): PluginRecord {
  const { config, settings } = record;
  const { name, value } = wish;
  const change = (settings: Partial<PluginSettings>): PluginRecord => ({ ...record, settings: { ...record.settings, ...settings } });

  const env = config.Env?.find(({ Name }) => Name === name);
  if (env !== undefined) {
    checkSettable(wish, FIELDS.env, env.Settable);
    const line = `${name}=${value}`;
    const at = settings.Env.findIndex((each) => each.split('=', 1)[0] === name);
    return change({ Env: at < 0 ? [...settings.Env, line] : settings.Env.with(at, line) });
  }
  const mount = config.Mounts?.find(({ Name }) => Name === name);
  if (mount !== undefined) {
    checkSettable(wish, FIELDS.mounts, mount.Settable);
    if (mount.Source === null) throw refused('Plugin config has no mount source');
    const set = <T extends { readonly Name: string }>(one: T): T => (one.Name === name ? { ...one, Source: value } : one);
    return withConfig(change({ Mounts: settings.Mounts.map(set) }), { Mounts: config.Mounts?.map(set) ?? null });
  }
  const device = config.Linux.Devices?.find(({ Name }) => Name === name);
  if (device !== undefined) {
    checkSettable(wish, FIELDS.devices, device.Settable);
    if (device.Path === null) throw refused('Plugin config has no device path');
    const set = <T extends { readonly Name: string }>(one: T): T => (one.Name === name ? { ...one, Path: value } : one);
    return withConfig(change({ Devices: settings.Devices.map(set) }), {
      Linux: { ...config.Linux, Devices: config.Linux.Devices?.map(set) ?? null },
    });
  }
  if (config.Args.Name === name) {
    checkSettable(wish, FIELDS.args, config.Args.Settable);
    return change({ Args: value.split(' ') });
  }
  throw refused(`setting ${JSON.stringify(name)} not found in the plugin configuration`);
}

/** What is mounted, and which devices there are, is read from the configuration: docker changes it there, too. */
const withConfig = (record: PluginRecord, change: Partial<PluginConfig>): PluginRecord => ({
  ...record,
  config: { ...record.config, ...change },
});

function checkSettable({ name, field }: Wish, allowed: string, settable: readonly string[] | null): void {
  const fields = settable ?? [];
  if (field === '' && fields.length > 1) throw refused('multiple fields are settable, one must be specified');
  const meant = field === '' ? (fields[0] ?? '') : field;
  if (meant !== allowed || !fields.includes(meant))
    throw refused(`"${field === '' && meant === '' ? name : `${name}.${meant}`}" is not settable`);
}
