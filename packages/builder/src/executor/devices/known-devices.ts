import type { CDIDevice } from '@gantry/api/moby/buildkit/v1/types/worker';
import type { Logger } from '@gantry/rpc';
import { type AskedDevice, devicesNamed, type KnownDevice, readDevices } from '@gantry/spec';

const AUTO_ALLOW = 'org.mobyproject.buildkit.device.autoallow';
/** As Go reads a boolean that holds. */
const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);

/** The devices of this host as they were described when they were last looked at: what clients are told of, and which of them no build needs a grant for. */
export class KnownDevices {
  private devices: readonly KnownDevice[] = [];

  constructor(
    private readonly directories: readonly string[],
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  async refresh(): Promise<void> {
    this.devices = await readDevices(this.directories, this.logger);
  }

  records(): CDIDevice[] {
    return this.devices.map((known) => ({
      Name: known.name,
      AutoAllow: allowsItself(known),
      Annotations: annotationsOf(known),
      OnDemand: false,
    }));
  }

  /** Those of the devices asked for that are neither granted, by any of their names, nor given to every build by their own description. */
  refused(asked: readonly AskedDevice[], granted: ReadonlySet<string>): readonly string[] {
    const given = new Set([...granted].flatMap((name) => devicesNamed(this.devices, name)));
    return asked.flatMap(({ name, optional }) => {
      if (granted.has(name)) return [];
      const found = devicesNamed(this.devices, name);
      if (found.length === 0) return optional ? [] : [name];
      return found.filter((each) => !given.has(each) && !allowsItself(each)).map((each) => each.name);
    });
  }
}

const annotationsOf = ({ spec, device }: KnownDevice): Record<string, string> => ({ ...spec.annotations, ...device.annotations });
const allowsItself = (known: KnownDevice): boolean => TRUE.has(annotationsOf(known)[AUTO_ALLOW] ?? '');
