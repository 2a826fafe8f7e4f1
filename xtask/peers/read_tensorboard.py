"""Prints the scalars in a folder of TensorBoard's event files, as TensorBoard reads them, for the test
`tensorboard_reads_the_numbers_that_were_written` of reflux-dqn.

    python xtask/peers/read_tensorboard.py FOLDER

JSON: each tag with its list of `[step, value]`.
"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1])
events.Reload()
print(
    json.dumps(
        {
            tag: [[event.step, event.value] for event in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]
        }
    )
)
