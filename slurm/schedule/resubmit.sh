#!/bin/sh
# A small job that submits its successor, to begin at the next time, and then runs the sweep.
# Made and removed by `python -m orchestrator schedule`.
#SBATCH --job-name=orchestrator-{{ identity }}
#SBATCH --comment=orchestrator-schedule:{{ digest }}
#SBATCH --begin={{ begin }}
{% for option in options %}
#SBATCH {{ option }}
{% endfor %}
# Before the job's own limit the sweep is told, and ends what it started.
#SBATCH --signal=B:TERM@240
#SBATCH --requeue
exec {{ start | shell }} --resubmit
