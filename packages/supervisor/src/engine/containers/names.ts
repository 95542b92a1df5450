import { randomBytes, randomInt } from 'node:crypto';
import { invalidArgument } from '@gantry/rpc';

const first = [
  'amber', 'ample', 'astute', 'autumn', 'azure', 'balmy', 'bold', 'brave', 'breezy', 'bright', 'brisk', 'calm', 'candid', 'careful', 'cheery', 'clear',
  'clever', 'coastal', 'cobalt', 'cosy', 'crimson', 'crisp', 'curious', 'daring', 'deft', 'dreamy', 'eager', 'early', 'earnest', 'electric', 'fabled',
  'fair', 'faithful', 'fearless', 'festive', 'fleet', 'fond', 'frosty', 'gallant', 'gentle', 'gilded', 'glad', 'golden', 'graceful', 'grand', 'hardy',
  'hazel', 'hearty', 'honest', 'humble', 'indigo', 'jaunty', 'jolly', 'keen', 'kind', 'lively', 'loyal', 'lucid', 'lucky', 'lunar', 'mellow', 'merry',
  'mighty', 'mindful', 'modest', 'neat', 'nimble', 'noble', 'patient', 'placid', 'plucky', 'polar', 'prompt', 'proud', 'quick', 'quiet', 'radiant',
  'ready', 'restful', 'robust', 'rosy', 'rustic', 'salty', 'scarlet', 'serene', 'silent', 'silver', 'simple', 'sincere', 'sleek', 'snowy', 'solar',
  'spry', 'steady', 'stellar', 'stormy', 'sturdy', 'sunny', 'swift', 'tidal', 'tidy', 'tranquil', 'upbeat', 'velvet', 'vivid', 'warm', 'wise', 'witty', 'zesty',
];
const second = [
  'albatross', 'anchor', 'anvil', 'auk', 'badger', 'ballast', 'barge', 'beacon', 'bollard', 'boom', 'bosun', 'bow', 'breaker', 'bulkhead', 'buoy',
  'cable', 'capstan', 'caravel', 'cargo', 'clipper', 'compass', 'coracle', 'cormorant', 'crane', 'crate', 'current', 'cutter', 'davit', 'deck', 'derrick',
  'dinghy', 'dock', 'dolphin', 'drift', 'eider', 'ferry', 'fjord', 'fluke', 'forklift', 'freighter', 'frigate', 'galley', 'gannet', 'gull', 'halyard',
  'harbour', 'hawser', 'heron', 'hoist', 'hold', 'hull', 'islet', 'jetty', 'junk', 'kayak', 'keel', 'ketch', 'lagoon', 'lanyard', 'lighter', 'longboat',
  'lugger', 'mainsail', 'mast', 'mooring', 'narwhal', 'oar', 'orca', 'otter', 'pallet', 'pelican', 'petrel', 'pier', 'pilot', 'plover', 'porpoise',
  'puffin', 'pulley', 'quay', 'raft', 'reef', 'rigging', 'rudder', 'sandbar', 'schooner', 'seal', 'sextant', 'shoal', 'skiff', 'sloop', 'spar', 'stern',
  'tern', 'tide', 'tiller', 'topsail', 'trawler', 'tug', 'turnstone', 'walrus', 'wharf', 'winch', 'yardarm', 'yawl',
];

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? 'gantry';

/** A name nobody holds, as `steady_tug`; with a digit after some tries. */
export function generateName(taken: (name: string) => boolean): string {
  for (let attempt = 0; attempt < 6; attempt++) {
    const name = `${pick(first)}_${pick(second)}${attempt < 3 ? '' : randomInt(10)}`;
    if (!taken(name)) return name;
  }
  return `${pick(first)}_${pick(second)}_${randomBytes(4).toString('hex')}`;
}

/** The name without its leading slash. Throws invalidArgument for a name that docker would refuse. */
export function checkName(name: string): string {
  const bare = name.startsWith('/') ? name.slice(1) : name;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare)) {
    throw invalidArgument(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return bare;
}

/** 64 hex digits, never all decimal in their first twelve: a short id must not look like a number. */
export function newContainerId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}
