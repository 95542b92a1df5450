import { awslogs } from './awslogs/awslogs';
import { fileDriver } from './file';
import type { LogDriver } from './driver';
import { jsonFileRules, localRules } from '../options/file';
import { METADATA_OPTIONS } from '../options/names';
import { fluentd } from './fluentd/fluentd';
import { gcplogs } from './gcplogs/gcplogs';
import { gelf } from './gelf/gelf';
import { journald } from './journald/journald';
import { pluginDriver } from './plugin/plugin';
import { splunk } from './splunk/splunk';
import { syslog } from './syslog/syslog';

/** Drivers by name, as `docker info` lists them. `none` is no driver: it keeps nothing. */
export const drivers = {
  'json-file': fileDriver({
    names: [...METADATA_OPTIONS, 'max-file', 'max-size', 'compress'],
    called: 'json-file log driver',
    files: jsonFileRules,
    attributesInFile: true,
  }),
  local: fileDriver({
    names: ['max-file', 'max-size', 'compress'],
    called: 'log driver local',
    files: (options) => localRules(options),
    attributesInFile: false,
  }),
  awslogs,
  syslog,
  fluentd,
  gcplogs,
  gelf,
  journald,
  splunk,
} as const satisfies Readonly<Record<string, LogDriver>>;

export type DriverName = keyof typeof drivers;

export function isDriver(name: string): name is DriverName {
  return Object.hasOwn(drivers, name);
}

/** The driver of a container; undefined for `none`. A name that is none of ours is a plugin's: the validation has found it. */
export function driverOf(name: string): LogDriver | undefined {
  if (name === 'none') return undefined;
  return name === '' ? drivers['json-file'] : isDriver(name) ? drivers[name] : pluginDriver;
}

export function driverNames(): string[] {
  return Object.keys(drivers).sort();
}
