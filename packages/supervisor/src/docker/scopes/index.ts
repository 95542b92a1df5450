export { type GuardNeeds, guarded, judge } from './guard';
export { countDecisions } from './metrics';
export { readScopes, type Scope } from './scope';
export { isVerb } from './verbs';
