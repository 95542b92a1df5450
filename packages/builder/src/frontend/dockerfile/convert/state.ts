import type { NetMode } from '@gantry/api/pb/ops';
import type { Argument, Lines, Stage, Step } from '@gantry/dockerfile';
import type { ImageConfig } from '@gantry/oci';
import type { Tree } from '../../../llb/write/graph';
import type { Platform } from '../platform';
import type { NamedContext } from '../ui/named-context';
import type { StageOutline } from './stage-outline';

/** What a stage is made from: FROM, or a name that COPY --from or RUN --mount=from gave. */
export type StageBase = Pick<Stage, 'base' | 'stage' | 'platform' | 'text' | 'word' | 'comment' | 'lines' | 'steps'>;

/** An instruction with the stages that it takes files from. */
export interface Command {
  readonly step: Step;
  readonly sources: readonly StageState[];
  /** From the base image's ONBUILD. */
  readonly onbuild: boolean;
  /** What files of other places came to, by address, where the history tells that in the address's place. */
  readonly sums?: ReadonlyMap<string, string>;
}

/** A stage while it is turned into steps: what its files, its environment and its image are by now. */
export class StageState {
  tree: Tree;
  /** The build context, for whoever scans it. */
  context: Tree;
  readonly env = new Map<string, string>();
  cwd = '/';
  user = '';
  hostname = '';
  network: NetMode = 0;
  image: ImageConfig = { architecture: '', os: '', rootfs: { type: 'layers', diff_ids: [] } };
  /** The base image's configuration, as it was. */
  baseImage: ImageConfig | undefined;

  /** Name of the base, expanded, and in full once it is resolved. */
  baseName: string;
  base: StageState | undefined;
  /** What stands in for the stage, where the client gave its name another meaning. */
  standIn: NamedContext | undefined;
  platform: Platform | undefined;
  /** Shown in the names of steps. */
  shownName: string;
  readonly deps = new Map<StageState, Step | undefined>();
  commands: Command[] = [];
  buildArgs: Argument[] = [];

  /** Paths of the build context that are used. */
  readonly contextPaths = new Set<string>();
  /** Paths of this stage's own files that are used, shared with the stages it is made from. */
  paths = new Set<string>();

  dispatched = false;
  resolved = false;
  onbuildRead = false;
  /** Set when the stage asks for no cache. */
  ignoreCache = false;
  /** Not a stage of the file: an image or context that an instruction names. */
  readonly implicit: boolean;
  stepAt = 0;
  stepCount = 0;
  inOnbuild = false;
  workdirSet = false;
  scanStage = false;
  scanContext = false;
  /** Where CMD, ENTRYPOINT, HEALTHCHECK were said last. */
  readonly said = new Map<'cmd' | 'entrypoint' | 'healthcheck', Lines>();

  constructor(
    readonly stage: StageBase,
    public outline: StageOutline,
    implicit = false,
  ) {
    this.baseName = stage.base;
    this.shownName = stage.stage;
    this.implicit = implicit;
  }

  /** Takes over what the stage that it is made from has by now. */
  inherit(): void {
    const { base } = this;
    if (base === undefined) return;
    this.tree = base.tree;
    this.env.clear();
    for (const [name, value] of base.env) this.env.set(name, value);
    this.cwd = base.cwd;
    this.user = base.user;
    this.hostname = base.hostname;
    this.network = base.network;
    this.platform = base.platform;
    this.image = structuredClone(base.image);
    delete this.image.config?.OnBuild;
    this.baseImage = base.baseImage;
    this.paths = base.paths;
    this.workdirSet = base.workdirSet;
    this.buildArgs = [...this.buildArgs, ...base.buildArgs];
  }

  /** A variable keeps the last place in which it was set. */
  setEnv(name: string, value: string): void {
    this.env.delete(name);
    this.env.set(name, value);
  }

  get config(): NonNullable<ImageConfig['config']> {
    return (this.image.config ??= {});
  }
}
