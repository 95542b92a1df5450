import { every, type Timer } from '@gantry/rpc';
import { type HostSample, hostSample } from './sample';

const INTERVAL_MS = 2000;
/** A build that takes longer is looked at half as often. */
const MOST = 20;

/** What is noted while one build runs. */
export interface UsageRecord {
  /** How busy the host was so far, and is now. */
  samples(): readonly HostSample[];
  /** Nothing more is noted. */
  end(): void;
}

interface Noted {
  samples: HostSample[];
  /** Of so many looks at the host one is noted. */
  stride: number;
  looks: number;
}

/** Looks at the host while there are builds, once for all of them. */
export class UsageSampler {
  private readonly records = new Set<Noted>();
  private timer: Timer | undefined;

  constructor(
    private readonly sample: () => HostSample = hostSample,
    private readonly intervalMs = INTERVAL_MS,
  ) {}

  record(): UsageRecord {
    const noted: Noted = { samples: [], stride: 1, looks: 0 };
    this.records.add(noted);
    this.timer ??= every(this.intervalMs, () => this.look(), { ref: false });
    return {
      samples: () => [...noted.samples, this.sample()],
      end: () => {
        this.records.delete(noted);
        if (this.records.size > 0) return;
        this.timer?.cancel();
        this.timer = undefined;
      },
    };
  }

  private look(): void {
    const sample = this.sample();
    for (const noted of this.records) {
      if (++noted.looks % noted.stride !== 0) continue;
      noted.samples.push(sample);
      if (noted.samples.length < MOST) continue;
      noted.samples = noted.samples.filter((_each, index) => index % 2 === 1);
      noted.stride *= 2;
    }
  }
}
