import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { anyTypeName, unpackAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import { locateProgram } from '@gantry/native';
import { programDirectories } from '@gantry/service';
import { packageDirectory } from '../package-directory';
import type { DriverName, RuntimeOptions } from './driver';
import { driverTraits, type DriverTraits, type RuncOption } from './traits';

/** Everything that Create's `options` decide. */
export interface TaskOptions {
  readonly driver: DriverName;
  readonly runtime: RuntimeOptions;
  readonly log: CreateOptions['log'];
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly width: number;
  readonly height: number;
  /** Owner of the stdio pipes when not the process's user. */
  readonly ioOwner: { readonly uid: number; readonly gid: number } | undefined;
  /** Path of the cgroup that the monitors join. */
  readonly shimCgroup: string | undefined;
}

const plain = { log: undefined, openStdin: true, stdinOnce: false, width: 0, height: 0, ioOwner: undefined, shimCgroup: undefined };

/**
 * Reads gantry.shim.v1.CreateOptions or containerd.runc.v1.Options; without options the native driver serves. `stateRoot` is where runtime
 * binaries keep their state by default; ids are unique in a namespace only, so each namespace has its own directory below any root.
 */
export async function readOptions(any: Any | undefined, stateRoot: string, namespace: string): Promise<TaskOptions> {
  const options = await decode(any, stateRoot);
  return { ...options, runtime: { ...options.runtime, root: join(options.runtime.root, namespace) } };
}

async function decode(any: Any | undefined, stateRoot: string): Promise<TaskOptions> {
  if (any === undefined || any.typeUrl === '') return { ...plain, driver: 'native', runtime: runtimeOf('', stateRoot) };
  const own = unpackAny(any, CreateOptions);
  if (own !== undefined) return fromOwn(own, stateRoot);
  const runc = unpackAny(any, Options);
  if (runc !== undefined) return fromRunc(runc, stateRoot);
  throw invalidArgument(`task options of type ${anyTypeName(any)} are not known`);
}

async function fromOwn(options: CreateOptions, stateRoot: string): Promise<TaskOptions> {
  if (options.driver === '' && options.binary === '' && needsBinary({ ...options, root: options.runtimeRoot }))
    return fromOwn({ ...options, ...(await defaultRunc()), runtimeRoot: options.runtimeRoot || join(stateRoot, 'default') }, stateRoot);
  const driver = options.driver === '' ? (options.binary === '' ? 'native' : 'oci') : options.driver;
  if (!isDriver(driver)) throw invalidArgument(`driver "${driver}" is none of ${Object.keys(driverTraits).join(', ')}`);
  checkOwn(driver, options);
  refuseRunc(driver, options);
  const binary = options.binary === '' ? '' : await findBinary(options.binary);
  return {
    driver,
    runtime: {
      ...runtimeOf(binary, stateRoot),
      binaryArgs: options.binaryArgs,
      ...(options.runtimeRoot === '' ? {} : { root: options.runtimeRoot }),
      service: options.taskService,
      serviceCommand: options.taskServiceCommand,
      noPivot: options.noPivotRoot,
      noNewKeyring: options.noNewKeyring,
      systemdCgroup: options.systemdCgroup,
      criuImagePath: options.criuImagePath,
      criuWorkPath: options.criuWorkPath,
      passed:
        options.runtimeOptions === undefined
          ? undefined
          : { typeUrl: options.runtimeOptions.typeUrl, value: Buffer.from(options.runtimeOptions.value).toString('base64') },
    },
    log: options.log,
    openStdin: options.openStdin,
    stdinOnce: options.stdinOnce,
    width: options.consoleWidth,
    height: options.consoleHeight,
    ioOwner: ioOwner(options),
    shimCgroup: options.shimCgroup || undefined,
  };
}

const isDriver = (name: string): name is DriverName => Object.hasOwn(driverTraits, name);

/** What a driver needs and another would leave unread is told by name. */
function checkOwn(driver: DriverName, options: CreateOptions): void {
  const { binary, service, runtimeOptions }: DriverTraits = driverTraits[driver];
  if (binary && options.binary === '') throw invalidArgument(`driver ${driver} needs a binary`);
  if (!binary && options.binary !== '') throw invalidArgument(`driver ${driver} takes no binary ("${options.binary}")`);
  if (service && options.taskService === '' && options.taskServiceCommand.length === 0)
    throw invalidArgument(`driver ${driver} needs task_service or task_service_command`);
  if (options.taskService !== '' && !isAbsolute(options.taskService))
    throw invalidArgument(`task_service "${options.taskService}" is not absolute`);
  if (!service && (options.taskService !== '' || options.taskServiceCommand.length > 0))
    throw invalidArgument(`driver ${driver} takes no task_service`);
  if (!runtimeOptions && options.runtimeOptions !== undefined) throw invalidArgument(`driver ${driver} takes no runtime_options`);
  if (service && options.binaryArgs.length > 0) throw invalidArgument(`driver ${driver} takes no binary_args`);
}

async function fromRunc(options: Options, stateRoot: string): Promise<TaskOptions> {
  const own = options.binaryName === '' || options.binaryName === 'gantry-runc';
  const command = own && needsBinary(options) ? await (options.binaryName === '' ? defaultRunc() : ownRuntime()) : undefined;
  const oci = !own || command !== undefined;
  if (!oci) refuseRunc('native', { ...options, runtimeRoot: options.root });
  const binary = command?.binary ?? (oci ? await findBinary(options.binaryName) : '');
  return {
    ...plain,
    driver: oci ? 'oci' : 'native',
    runtime: {
      ...runtimeOf(binary, stateRoot),
      binaryArgs: command?.binaryArgs ?? [],
      ...(command === undefined ? {} : { root: join(stateRoot, 'default') }),
      ...(options.root === '' ? {} : { root: options.root }),
      noPivot: options.noPivotRoot,
      noNewKeyring: options.noNewKeyring,
      systemdCgroup: options.systemdCgroup,
      criuImagePath: options.criuImagePath,
      criuWorkPath: options.criuWorkPath,
    },
    ioOwner: ioOwner(options),
    shimCgroup: options.shimCgroup || undefined,
  };
}

/** What only a program with a command line and a state of its own can do. */
const needsBinary = (options: Pick<Options, 'root' | 'criuImagePath' | 'criuWorkPath'>): boolean =>
  options.root !== '' || options.criuImagePath !== '' || options.criuWorkPath !== '';

interface RuncCommand {
  readonly driver: 'oci';
  readonly binary: string;
  readonly binaryArgs: string[];
}

/** A task that goes on from a checkpoint is made by a program, ours where the native driver was to make it. */
export function restoring(options: TaskOptions, stateRoot: string, namespace: string): TaskOptions {
  if (options.driver !== 'native') return options;
  const { driver, ...command } = ownRuntime();
  return { ...options, driver, runtime: { ...options.runtime, ...command, root: join(stateRoot, 'restored', namespace) } };
}

/** Our runtime as a program: gantry-runc, which does what the native driver does. */
export function ownRuntime(): RuncCommand {
  return { driver: 'oci', binary: locateProgram('gantry-native', packageDirectory), binaryArgs: ['runc'] };
}

/**
 * The runtime of a client that names a state directory or criu's, but no binary. containerd's is runc then, and who names its directories looks into
 * them with runc; without one on the host it is ours.
 */
async function defaultRunc(): Promise<RuncCommand> {
  const binary = await lookUp('runc');
  return binary === undefined ? ownRuntime() : { driver: 'oci', binary, binaryArgs: [] };
}

const ioOwner = ({ ioUid, ioGid }: { ioUid: number; ioGid: number }): TaskOptions['ioOwner'] =>
  ioUid === 0 && ioGid === 0 ? undefined : { uid: ioUid, gid: ioGid };

/** What the driver does not take of runc's own options is refused by name. */
function refuseRunc(
  driver: DriverName,
  options: Pick<
    CreateOptions,
    'noPivotRoot' | 'noNewKeyring' | 'systemdCgroup' | 'criuImagePath' | 'criuWorkPath' | 'runtimeRoot' | 'ioUid' | 'ioGid'
  >,
): void {
  const asked: Readonly<Record<RuncOption, boolean>> = {
    no_pivot_root: options.noPivotRoot,
    no_new_keyring: options.noNewKeyring,
    systemd_cgroup: options.systemdCgroup,
    criu_image_path: options.criuImagePath !== '',
    criu_work_path: options.criuWorkPath !== '',
    root: options.runtimeRoot !== '',
    io_uid: options.ioUid !== 0,
    io_gid: options.ioGid !== 0,
  };
  const { runc }: DriverTraits = driverTraits[driver];
  for (const [name, set] of Object.entries(asked) as [RuncOption, boolean][])
    if (set && !runc.includes(name)) throw notImplemented(`runtime option ${name} is not supported by the driver ${driver}`);
}

function runtimeOf(binary: string, stateRoot: string): RuntimeOptions {
  return {
    binary,
    binaryArgs: [],
    root: join(stateRoot, binary === '' ? 'native' : basename(binary)),
    noPivot: false,
    noNewKeyring: false,
    systemdCgroup: false,
    criuImagePath: '',
    criuWorkPath: '',
    service: '',
    serviceCommand: [],
    passed: undefined,
  };
}

async function findBinary(name: string): Promise<string> {
  const found = await lookUp(name);
  if (found === undefined) throw notFound(`runtime binary ${name} not found`);
  return found;
}

async function lookUp(name: string): Promise<string | undefined> {
  for (const path of isAbsolute(name) ? [name] : programDirectories().map((dir) => join(dir, name))) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
