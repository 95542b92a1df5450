export { type Journal, type JournalEntry, openJournal } from './journal';
export { runSteps, type Step, undoSteps } from './steps';
export { untilEnded } from './until-ended';
