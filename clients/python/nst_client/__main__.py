"""python -m nst_client: the command `nst`."""

from nst_client.command.main import main

raise SystemExit(main())
