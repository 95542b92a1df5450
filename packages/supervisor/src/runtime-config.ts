import { isAbsolute } from 'node:path';
import { packAny } from '@gantry/api';
import { Options as RuncOptions } from '@gantry/api/containerd/runc/v1/runc';
import type { Any } from '@gantry/api/google/protobuf/any';
import { Options as OtherOptions } from '@gantry/api/runtimeoptions/v1/options';
import { invalidArgument } from '@gantry/rpc';
import { type Runtime, runtimeOfType, traitsOf } from './core/runtimes';

/**
 * One entry of `runtimes:`. Ours: {driver, path, args}; dockerd's: {path, runtimeArgs} for an OCI binary, {runtimeType, options} for a
 * containerd shim; {task-service} for a Task v3 server: a unix socket's path, or a list, the command that serves. Throws invalidArgument that names the key.
 */
export function readRuntime(name: string, value: unknown): Runtime {
  const where = `runtimes.${name}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument(`${where} must be a map with driver, path and args`);
  const entry = value as Record<string, unknown>;
  if (entry['task-service'] !== undefined) return readTaskService(where, entry);
  if (entry['runtimeType'] !== undefined) return readShim(where, entry);
  const { driver = 'oci', path = '', args, runtimeArgs, ...rest } = entry;
  refuseOthers(where, rest);
  if (args !== undefined && runtimeArgs !== undefined) throw invalidArgument(`${where}: args and runtimeArgs are the same; give one`);
  if (typeof driver !== 'string' || typeof path !== 'string') throw invalidArgument(`${where}: driver and path must be strings`);
  if (traitsOf(driver).program && path === '') throw invalidArgument(`${where}.path must name the runtime's binary`);
  return { driver, path, args: strings(`${where}.args`, args ?? runtimeArgs ?? []) };
}

function readTaskService(where: string, { 'task-service': service, ...rest }: Record<string, unknown>): Runtime {
  refuseOthers(where, rest);
  if (Array.isArray(service)) {
    const command = strings(`${where}.task-service`, service);
    if (!isAbsolute(command[0] ?? '')) throw invalidArgument(`${where}.task-service must begin with the absolute path of a program`);
    return { driver: 'task-service', path: '', args: [], taskCommand: command };
  }
  const path = typeof service === 'string' ? service.replace(/^unix:\/\//, '') : '';
  if (!isAbsolute(path)) throw invalidArgument(`${where}.task-service must be the path of a unix socket or a command`);
  return { driver: 'task-service', path: '', args: [], taskService: path };
}

function readShim(where: string, { runtimeType: type, options, ...rest }: Record<string, unknown>): Runtime {
  refuseOthers(where, rest);
  if (typeof type !== 'string') throw invalidArgument(`${where}.runtimeType must be a string`);
  const runtime = runtimeOfType(type);
  if (runtime === undefined)
    throw invalidArgument(`${where}.runtimeType "${type}" is neither a name as io.containerd.runc.v2 nor the absolute path of a shim`);
  if (options === undefined) return runtime;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw invalidArgument(`${where}.options must be a map`);
  return { ...runtime, options: shimOptions(`${where}.options`, runtime.path, options as Record<string, unknown>) };
}

type Kind = 'string' | 'number' | 'boolean';

/** Names that runc's shim and, of others, containerd's generic options have in dockerd's configuration. */
const runcFields: Readonly<Record<string, readonly [keyof RuncOptions, Kind]>> = {
  NoPivotRoot: ['noPivotRoot', 'boolean'],
  NoNewKeyring: ['noNewKeyring', 'boolean'],
  ShimCgroup: ['shimCgroup', 'string'],
  IoUid: ['ioUid', 'number'],
  IoGid: ['ioGid', 'number'],
  BinaryName: ['binaryName', 'string'],
  Root: ['root', 'string'],
  SystemdCgroup: ['systemdCgroup', 'boolean'],
  CriuImagePath: ['criuImagePath', 'string'],
  CriuWorkPath: ['criuWorkPath', 'string'],
};
const otherFields: Readonly<Record<string, readonly [keyof OtherOptions, Kind]>> = {
  TypeUrl: ['typeUrl', 'string'],
  ConfigPath: ['configPath', 'string'],
  ConfigBody: ['configBody', 'string'],
};

function shimOptions(where: string, binary: string, options: Record<string, unknown>): Any {
  if (/(^|\/)containerd-shim-runc-v\d+$/.test(binary))
    return packAny(RuncOptions, RuncOptions.fromPartial(readFields(where, runcFields, options)));
  const { configBody, ...fields } = readFields(where, otherFields, options) as { configBody?: string };
  return packAny(
    OtherOptions,
    OtherOptions.fromPartial({ ...fields, ...(configBody === undefined ? {} : { configBody: Buffer.from(configBody) }) }),
  );
}

function readFields(
  where: string,
  known: Readonly<Record<string, readonly [string, Kind]>>,
  options: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => {
      const field = Object.hasOwn(known, name) ? known[name] : undefined;
      if (field === undefined) throw invalidArgument(`unknown key "${where}.${name}"`);
      if (typeof value !== field[1]) throw invalidArgument(`${where}.${name} must be a ${field[1]}`);
      return [field[0], value];
    }),
  );
}

function refuseOthers(where: string, rest: Record<string, unknown>): void {
  for (const key of Object.keys(rest)) throw invalidArgument(`unknown key "${where}.${key}"`);
}

function strings(where: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) throw invalidArgument(`${where} must be a list of strings`);
  return value as string[];
}
