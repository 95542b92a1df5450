import { MountType, NetMode } from '@gantry/api/pb/ops';
import { normalizePlatform, type Platform, platformEquals, tryReference } from '@gantry/oci';
import { solvedOf } from '../bridge/outcomes';
import type { FrontendResult, Outcome } from '../frontend/frontend';
import { redactUrl } from '../history/redact';
import type { Step } from '../solver/step';
import { type ResolvedImage, Trail, trailOf } from './trail';

export interface ImageMaterial {
  readonly reference: string;
  readonly digest: string;
  readonly platform: Platform | undefined;
  readonly local: boolean;
}

export interface Named {
  readonly id: string;
  readonly optional: boolean;
}

/** What an outcome was made of. */
export interface Capture {
  readonly frontend: string;
  readonly args: Readonly<Record<string, string>>;
  readonly images: readonly ImageMaterial[];
  readonly git: readonly { readonly url: string; readonly commit: string }[];
  readonly http: readonly { readonly url: string; readonly digest: string }[];
  readonly locals: readonly string[];
  readonly secrets: readonly Named[];
  readonly ssh: readonly Named[];
  readonly network: boolean;
  /** Something was built from a definition that a step made. */
  readonly incomplete: boolean;
}

class Gathered {
  readonly images: ImageMaterial[] = [];
  readonly git = new Map<string, string>();
  readonly http = new Map<string, string>();
  readonly locals = new Set<string>();
  readonly secrets = new Map<string, boolean>();
  readonly ssh = new Map<string, boolean>();
  network = false;
  incomplete = false;

  image(image: ImageMaterial): void {
    const same = ({ reference, local, platform }: ImageMaterial): boolean =>
      reference === image.reference &&
      local === image.local &&
      (platform === undefined || image.platform === undefined ? platform === image.platform : platformEquals(platform, image.platform));
    if (!this.images.some(same)) this.images.push(image);
  }

  secret(id: string, optional: boolean): void {
    this.secrets.set(id, optional && (this.secrets.get(id) ?? true));
  }

  sshAgent(id: string, optional: boolean): void {
    const name = id === '' ? 'default' : id;
    this.ssh.set(name, optional && (this.ssh.get(name) ?? true));
  }
}

/** What one of a result's outcomes was made of, with all that its frontend has solved beside it; undefined for scratch. */
export function capture(outcome: Outcome, platform: Platform, result: FrontendResult): Capture | undefined {
  const step = solvedOf(outcome)?.step;
  if (step === undefined) return undefined;
  const found = new Gathered();
  const trail = trailOf(outcome) ?? new Trail();
  const others = new Set<Outcome>(result.outcomes.values());
  others.delete(outcome);
  gather(found, step);
  for (const aside of trail.allOutcomes()) {
    const solved = others.has(aside) ? undefined : solvedOf(aside)?.step;
    if (solved !== undefined) gather(found, solved);
  }
  for (const image of forPlatform(trail.allImages(), platform)) found.image(image);
  return {
    frontend: trail.request?.frontend ?? '',
    args: keptArguments(trail.request?.options ?? new Map()),
    images: withoutTwins(found.images).sort((a, b) => order(a.reference, b.reference)),
    git: [...found.git].sort(([a], [b]) => order(a, b)).map(([url, commit]) => ({ url, commit })),
    http: [...found.http].sort(([a], [b]) => order(a, b)).map(([url, digest]) => ({ url, digest })),
    locals: [...found.locals].sort(),
    secrets: named(found.secrets),
    ssh: named(found.ssh),
    network: found.network,
    incomplete: found.incomplete,
  };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const named = (ids: ReadonlyMap<string, boolean>): Named[] =>
  [...ids].sort(([a], [b]) => order(a, b)).map(([id, optional]) => ({ id, optional }));

/** Everything that a step stands on. */
function gather(found: Gathered, first: Step): void {
  const seen = new Set<Step>();
  const stack = [first];
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (seen.has(step)) continue;
    seen.add(step);
    gatherStep(found, step);
    stack.push(...step.inputs.map((input) => input.step));
  }
}

function gatherStep(found: Gathered, step: Step): void {
  const { source, exec, build, platform } = step.vertex.op;
  if (build !== undefined) found.incomplete = true;
  if (source !== undefined) gatherSource(found, source, { pin: step.op?.pin?.(), platform });
  if (exec === undefined) return;
  if (exec.network !== NetMode.NONE) found.network = true;
  for (const { ID, optional } of exec.secretenv) found.secret(ID, optional);
  for (const { mountType, secretOpt, SSHOpt } of exec.mounts) {
    if (mountType === MountType.SECRET) found.secret(secretOpt?.ID ?? '', secretOpt?.optional ?? false);
    if (mountType === MountType.SSH) found.sshAgent(SSHOpt?.ID ?? '', SSHOpt?.optional ?? false);
  }
}

type WirePlatform = Step['vertex']['op']['platform'];

function gatherSource(
  found: Gathered,
  { identifier, attrs }: { readonly identifier: string; readonly attrs: Readonly<Record<string, string>> },
  { pin, platform }: { readonly pin: string | undefined; readonly platform: WirePlatform },
): void {
  const [scheme = '', rest = ''] = split(identifier);
  if (scheme === 'local') found.locals.add(rest);
  else if (pin === undefined) return;
  else if (scheme === 'docker-image' || scheme === 'oci-layout')
    found.image({ reference: rest, digest: pin, platform: platform && ociPlatform(platform), local: scheme === 'oci-layout' });
  else if (scheme === 'git') {
    const [remote = '', ref = ''] = rest.split('#');
    const url = redactUrl(attrs['git.fullurl'] ?? `https://${remote}`);
    found.git.set(ref === '' ? url : `${url}#${ref.split(':')[0] ?? ''}`, pin);
    for (const secret of [attrs['git.authtokensecret'], attrs['git.authheadersecret']]) if (secret) found.secret(secret, true);
    if (attrs['git.mountsshsock']) found.sshAgent(attrs['git.mountsshsock'], true);
  } else found.http.set(redactUrl(identifier), pin);
}

function split(identifier: string): readonly string[] {
  const at = identifier.indexOf('://');
  return at < 0 ? [] : [identifier.slice(0, at), identifier.slice(at + 3)];
}

function ociPlatform(platform: NonNullable<WirePlatform>): Platform {
  return normalizePlatform({
    os: platform.OS,
    architecture: platform.Architecture,
    ...(platform.Variant === '' ? {} : { variant: platform.Variant }),
  });
}

/** Images for other platforms are those of the result's others, where one was resolved for this one, too. */
function forPlatform(images: readonly ResolvedImage[], wanted: Platform): ImageMaterial[] {
  const all = images.map(({ reference, digest, platform, local }): ImageMaterial => ({
    reference,
    digest,
    local,
    platform:
      platform &&
      normalizePlatform({
        os: platform.os,
        architecture: platform.architecture,
        ...(platform.variant === '' ? {} : { variant: platform.variant }),
      }),
  }));
  const suits = ({ platform }: ImageMaterial): boolean => platform === undefined || platformEquals(platform, wanted);
  return all.filter((image) => suits(image) || !all.some((other) => other.reference === image.reference && suits(other)));
}

/** An image by digest is left out where the same name is there by tag. */
function withoutTwins(images: readonly ImageMaterial[]): ImageMaterial[] {
  const nameOf = (text: string): string => {
    const reference = tryReference(text);
    return reference === undefined ? text : `${reference.domain}/${reference.path}:${reference.tag ?? 'latest'}`;
  };
  const byTag = new Set(images.filter(({ reference }) => !reference.includes('@')).map(({ reference }) => nameOf(reference)));
  return images.filter(({ reference }) => !reference.includes('@') || !byTag.has(nameOf(reference)));
}

const HOST_SPECIFIC = new Set(['cgroup-parent', 'image-resolve-mode', 'platform', 'cache-imports']);

/** Options of the frontend, but what belongs to this machine or to attestations; URLs without credentials. */
function keptArguments(options: ReadonlyMap<string, string>): Record<string, string> {
  const kept = [...options].filter(([key]) => !HOST_SPECIFIC.has(key) && !key.startsWith('attest:'));
  return Object.fromEntries(kept.map(([key, value]) => [key, key.startsWith('build-arg:') ? value : redactUrl(value)]));
}
