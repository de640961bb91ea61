blog xmlrpc.php
