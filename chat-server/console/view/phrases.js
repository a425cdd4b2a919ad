// Ready texts. None claims more than whoever presses it knows: nobody is said to be unhurt.

/** @typedef {{ title: string, content: string, isEmergency?: boolean }} Phrase */

/** The calls for help of everybody, the requests of each role, and the answers. */
export const PHRASES = Object.freeze(
  /** @type {Record<"emergency" | "driver" | "regulator" | "answers", Phrase[]>} */ ({
    emergency: [{ title: "Emergency", content: "Emergency. I need help at once.", isEmergency: true }],
    driver: [
      { title: "Breakdown", content: "My vehicle has broken down." },
      { title: "Accident", content: "There was an accident. I need help." },
      { title: "Road blocked", content: "The road is blocked. Which way do I take?" },
      { title: "Running late", content: "I am running late." },
      { title: "Passenger", content: "I need help with a passenger." },
    ],
    regulator: [
      { title: "Bus missing", content: "A bus has not arrived." },
      { title: "Queue too long", content: "The queue is too long. Please send another bus." },
      { title: "Stop blocked", content: "The stop is blocked." },
      { title: "Running late", content: "Departures are running late." },
      { title: "Passenger", content: "I need help with a passenger." },
    ],
    answers: ["Understood", "Yes", "No", "On my way"].map((content) => ({ title: "", content })),
  }),
);
