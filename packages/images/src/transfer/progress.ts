import { packAny } from '@gantry/api';
import { Progress } from '@gantry/api/containerd/types/transfer/transfer';
import type { Descriptor } from '@gantry/oci';
import { isConfig, isIndex, isLayer, isManifest } from '@gantry/oci';
import { Throttle } from '../services/progress';
import type { Stream } from './streams';

/** What is told of one object. */
export interface Told {
  readonly event: string;
  /** An image's name or an object's; empty: of the whole transfer. */
  readonly name?: string;
  readonly parents?: readonly string[];
  readonly progress?: number;
  readonly total?: number;
  readonly descriptor?: Pick<Descriptor, 'mediaType' | 'digest' | 'size' | 'annotations'> | undefined;
}

/** What is told of an object of known size, and how much of it is done. */
export const toldOf = (
  descriptor: Descriptor,
  event: string,
  parents: readonly string[],
  progress: number = descriptor.size,
): Told & { readonly name: string } => ({ event, name: objectName(descriptor), parents, progress, total: descriptor.size, descriptor });

/** Name of an object in progress, as containerd's clients print it. */
export function objectName({ mediaType, digest }: Pick<Descriptor, 'mediaType' | 'digest'>): string {
  const kind = isIndex(mediaType)
    ? 'index'
    : isManifest(mediaType)
      ? 'manifest'
      : isLayer(mediaType)
        ? 'layer'
        : isConfig(mediaType)
          ? 'config'
          : 'unknown';
  return `${kind}-${digest}`;
}

/** Progress of a transfer to the stream that its client named. A client that goes away or reads slowly does not hold the transfer up. */
export class Telling {
  private sending: Promise<void> = Promise.resolve();
  private waiting = 0;
  private readonly throttle = new Throttle<Told>((told) => this.say(told));

  constructor(private readonly stream: Stream | undefined) {}

  tell(told: Told): void {
    if (this.stream === undefined) return;
    if (told.progress === undefined || told.total === undefined) this.say(told);
    else this.throttle.offer(told.name ?? '', told, told.progress === told.total);
  }

  /** All has been sent; the stream ends. */
  async end(): Promise<void> {
    await this.sending;
    this.stream?.close();
  }

  private say({ event, name = '', parents = [], progress = 0, total = 0, descriptor }: Told): void {
    const { stream } = this;
    if (stream === undefined || (this.waiting > 1000 && total > 0)) return;
    this.waiting++;
    const desc =
      descriptor === undefined
        ? undefined
        : {
            mediaType: descriptor.mediaType,
            digest: descriptor.digest,
            size: BigInt(descriptor.size),
            annotations: descriptor.annotations ?? {},
          };
    const message = packAny(Progress, { event, name, parents: [...parents], progress: BigInt(progress), total: BigInt(total), desc });
    this.sending = this.sending.then(async () => {
      await stream.send(message).catch(() => undefined);
      this.waiting--;
    });
  }
}
