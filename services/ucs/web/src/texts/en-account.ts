/** English words around the account: log in, sign up, meter, recovery, household, settings. */

export const enAccount = {
  login: {
    title: "Log in",
    lead: "See what you use, what it costs, and who has seen what.",
    submit: "Log in",
    canTitle: "What this portal can see, and what not",
    can: "The portal stores your readings sealed and knows when they come and who fetches them. What is in them, and your password, it never sees: only this device opens them, with keys that the portal does not have.",
    noAccount: "No account yet?",
    signUp: "Make an account",
    forgotten: "Password forgotten?",
    recover: "Use your recovery key",
    unlockTitle: "Locked",
    unlockLead: (name: string) =>
      `Keys and readings of ${name} have been forgotten on this device. Your password opens them again.`,
    unlock: "Unlock",
    other: "Log in with another name",
    ended: "The portal has ended your session, so this page was locked.",
    goodbye: "You are signed out. This page has forgotten your keys and readings.",
    deleted: "Your account is deleted. This page has forgotten your keys and readings.",
  },

  signUp: {
    title: "Make an account",
    steps: ["Name and password", "Recovery key", "Try it", "Your meter"],
    lead: "Your password makes the keys on this device. It never leaves it, so nobody can send you a new one.",
    submit: "Make my keys",
    keyTitle: "Your recovery key",
    keyLead:
      "If you forget your password, only this key opens your readings again. It is shown this once. Write it down or print it and keep it where you keep important papers.",
    keyFile: "My electricity: recovery key",
    keyFileName: "recovery-key.txt",
    keyWritten: "I have kept it",
    drillTitle: "Try your recovery key",
    drillLead: "Type it from your note: a key that cannot be read back would be of no use.",
    drillField: "From your note",
    drillSubmit: "Make my account",
  },

  enrol: {
    title: "Connect your meter",
    known: "Confirm your meter",
    lead: "Number and code are in the letter of your energy supplier. The code stays on this device: it proves to you that the keys come from your own meter, and to the meter that you may read it.",
    knownLead:
      "This account does not hold the key of your meter yet. The code of your letter confirms it, and stays on this device.",
    submit: "Connect",
    waiting: "Waiting for your meter",
    waitingLead:
      "Your meter looks for messages about once a minute. It checks the code and then sends its key, sealed for you. You can leave this page open; it usually takes a minute or two.",
    stop: "Stop waiting",
    other: "Somebody in my household has connected the meter",
    joinTitle: "Join a household",
    joinLead:
      "Whoever connected the meter can invite you: on the page “Household”. Type the invitation here.",
    join: "Join",
    invitedBack: "I have a letter with a code",
    done: "Your meter is connected.",
    takenOver: (when: string) =>
      `Another account was connected to your meter on ${when}. If that was nobody of your household, call your energy supplier.`,
    takenOverTitle: "Somebody else has connected your meter",
  },

  recover: {
    title: "Password forgotten",
    lead: "Your recovery key opens your readings, and you choose a new password. Readings and bills stay as they are.",
    submit: "Set the new password",
    lockout:
      "After five wrong attempts the name is locked for 15 minutes, whoever tries. Nothing is lost by that.",
    noKey:
      "Without password and without recovery key nobody can open your readings, not even we. You can then make a new account with a new letter of your supplier; your meter keeps its readings of the running contract for you.",
  },

  household: {
    title: "Household",
    lead: "Everybody here sees the same readings and bills, each with a password of his own.",
    persons: "Who has access",
    you: "you",
    first: "connected the meter",
    since: (day: string) => `since ${day}`,
    end: "End access",
    endTitle: (name: string) => `End the access of ${name}?`,
    endText:
      "From then on the portal gives this person nothing any more. What he has read or saved he keeps.",
    leave: "Leave the household",
    leaveText: "From then on you see nothing of this household any more.",
    invite: "Invite somebody",
    inviteText:
      "The invitation opens your readings. Give it to nobody but the person whom you mean, by hand or by telephone; not through this portal.",
    invitation: "Invitation",
    inviteUntil: (when: string) => `Shown this once. It can be used until ${when}.`,
    waiting: "Open invitations",
    withdraw: "Withdraw",
    expires: (when: string) => `can be used until ${when}`,
    openedBy: (name: string) => `opened by ${name}`,
    events: "What happened",
    eventTexts: {
      "enrolment-accepted": "connected the meter",
      "enrolment-ended": "lost access: another account was connected to the meter",
      "data-exported": "asked the operator for a copy of the stored data",
      "invitation-made": "made an invitation",
      "invitation-opened": "opened an invitation",
      "invitation-withdrawn": "withdrew an invitation",
      "household-joined": "joined the household",
      "household-left": "left the household, or was taken out",
      "readings-fetched": "looked at readings",
    } as Readonly<Record<string, string>>,
    noEvents: "Nothing yet.",
    alone: "Only you have access.",
  },

  settings: {
    title: "Settings",
    appearance: "Language and appearance",
    lockTitle: "Lock",
    lockLead: "Without use this page forgets keys and readings after a while.",
    lockAfter: "Lock after",
    minutes: (count: number) => `${count} min`,
    password: "Change password",
    passwordLead:
      "Only the lock on your keys changes; readings, bills and recovery key stay. Other devices have to log in again.",
    passwordDone: "The password is changed.",
    drill: "Try my recovery key",
    drillLead: "Checks that the key on your note still opens your account. Nothing is changed.",
    drillSubmit: "Try it",
    drillDone: "It opens your account. Keep it well.",
    device: "Another device",
    deviceText:
      "Open this address there and log in with the same name and password. Keys and meters come along, sealed; you need neither letter nor recovery key.",
    out: "Sign out",
    outText: "Ends the session and makes this page forget keys and readings.",
    deleteTitle: "Delete the account",
    deleteLead: "This cannot be undone: without your keys nobody can open what was sealed for you.",
    deleted: "Deleted at once",
    deletedItems: [
      "your name, your password and your recovery key at the portal",
      "the keys of your readings that were sealed for you; those of others in your household stay",
      "your sealed bills at the portal, and your invitations",
    ],
    remains: "What remains, and why",
    keptDays: (days: string) => `${days} days`,
    keptOpen: "without a fixed end",
    /** By what the portal names. */
    facts: {
      "sealed-frames": "your sealed readings at the portal; without your keys nobody can open them",
      "deletion-entry":
        "a note that the account existed and was deleted, so that misuse can be found",
      "readings-and-keys": "readings in your meter, until they are overwritten",
      statements: "your bills at your supplier: the law makes him keep them",
      contract: "your contract at the registry and your supplier",
      contributions: "your part in sums, as ciphertext that nobody can open alone",
      "release-ledger":
        "which sums were released, without values, so that nothing is released twice",
      backups: "backups of the portal, until they are overwritten; everything in them is sealed",
    } as Readonly<Record<string, string>>,
    deleteType: (word: string) => `Type ${word} to go on`,
    deleteWord: "DELETE",
    deleteSubmit: "Delete my account",
  },
};
