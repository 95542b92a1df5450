import { hostAmd64Level } from './amd64-level';
import { hostPlatform, type Platform, platformEquals, runnable } from './platform';

export interface Machine {
  readonly platform: Platform;
  /** The newest level of amd64 that it runs. */
  readonly level: () => Promise<number>;
}

const thisMachine: Machine = { platform: hostPlatform(), level: hostAmd64Level };

/** What docker says of a container whose image is for another machine, where its client did not ask for that one; undefined where the image is for this one. */
export async function foreignPlatform(image: Platform, { platform, level }: Machine = thisMachine): Promise<string | undefined> {
  const isAmd64 = platform.architecture === 'amd64';
  const newest = isAmd64 ? await level() : 0;
  const { os, architecture, variant = '' } = image;
  const isOwnLevel = isAmd64 && architecture === 'amd64' && Number(/^v(\d)$/.exec(variant)?.[1] ?? Infinity) <= newest;
  const wanted: Platform = isOwnLevel ? { os, architecture } : { os, architecture, variant };
  if (runnable(platform).some((each) => platformEquals(each, wanted))) return undefined;
  const host = isAmd64 ? { ...platform, variant: `v${newest}` } : platform;
  return `The requested image's platform (${shown(image)}) does not match the detected host platform (${shown(host)}) and no specific platform was requested`;
}

const shown = ({ os, architecture, variant = '' }: Platform): string => [os, architecture, variant].filter((part) => part !== '').join('/');
