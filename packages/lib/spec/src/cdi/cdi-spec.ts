/** A description of devices by CDI (Container Device Interface), the parts that concern Linux. Field names are the format's. */
export interface CdiSpec {
  readonly cdiVersion: string;
  /** vendor.com/class */
  readonly kind: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly devices: readonly CdiDevice[];
  /** For every device of the description. */
  readonly containerEdits?: ContainerEdits;
}

export interface CdiDevice {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly containerEdits: ContainerEdits;
}

export interface ContainerEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly CdiDeviceNode[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly type?: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: readonly {
    readonly hookName: string;
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly timeout?: number;
  }[];
  readonly additionalGids?: readonly number[];
  readonly netDevices?: readonly { readonly hostInterfaceName: string; readonly name: string }[];
}

export interface CdiDeviceNode {
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: 'b' | 'c' | 'u' | 'p';
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** A device that this host has, by its full name. */
export interface KnownDevice {
  /** vendor.com/class=name */
  readonly name: string;
  readonly spec: CdiSpec;
  readonly device: CdiDevice;
}

const EDITS: ReadonlySet<string> = new Set(['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGids', 'netDevices']);
const KIND = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/;

/** What is wrong with a parsed description, or undefined. */
export function faultOf(value: unknown): string | undefined {
  const spec = value as Partial<CdiSpec> | null;
  if (typeof spec !== 'object' || spec === null || typeof spec.cdiVersion !== 'string') return 'cdiVersion is missing';
  if (typeof spec.kind !== 'string' || !KIND.test(spec.kind)) return `kind "${String(spec.kind)}" is not VENDOR/CLASS`;
  if (!Array.isArray(spec.devices) || spec.devices.length === 0) return 'devices are missing';
  for (const { name, containerEdits } of spec.devices as readonly Partial<CdiDevice>[]) {
    if (typeof name !== 'string' || !NAME.test(name)) return `device name "${String(name)}" is not valid`;
    const unknown = unknownEdit(containerEdits ?? {});
    if (unknown !== undefined) return `device ${name}: containerEdits.${unknown} is not supported`;
  }
  const unknown = unknownEdit(spec.containerEdits ?? {});
  return unknown === undefined ? undefined : `containerEdits.${unknown} is not supported`;
}

function unknownEdit(edits: object): string | undefined {
  return Object.keys(edits).find((key) => !EDITS.has(key));
}
